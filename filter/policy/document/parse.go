package document

import (
	"fmt"
	"slices"
	"time"

	"go.yaml.in/yaml/v4"

	"wildcard-egress/filter/policy/strictyaml"
)

// Parse reads and checks a policy, YAML or JSON. file is the name for errors.
// It reports all mistakes at once, as Problems.
func Parse(file string, data []byte) (*Document, error) {
	p := parser{
		Reader:   strictyaml.Reader{File: file},
		document: &Document{File: file, EndMark: HasEndMark(data), Defaults: Defaults{Ports: []uint16{443}, Settings: DefaultSettings}},
		names:    map[string]strictyaml.Position{},
	}
	if body := p.Document(data); body != nil {
		p.policy(body)
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	return p.document, nil
}

// parser reads the fields of a policy.
type parser struct {
	strictyaml.Reader
	document *Document
	names    map[string]strictyaml.Position // where each rule's name was given
	rule     ruleBeingRead
}

func (p *parser) policy(body *yaml.Node) {
	d := p.document
	var rules, version *yaml.Node
	var rulesPath strictyaml.Path
	ok := p.Fields(body, strictyaml.Root, strictyaml.Fields{
		"version":  func(n *yaml.Node, path strictyaml.Path) { version = n; d.Version = p.version(n, path) },
		"defaults": p.defaults,
		"rules":    func(n *yaml.Node, path strictyaml.Path) { rules, rulesPath = n, path },
	})
	if ok && version == nil {
		p.Add(body, strictyaml.Root, `no version; the file starts with "version: 1"`)
	}
	if ok && rules == nil {
		p.Add(body, strictyaml.Root, "no rules; without any, everything would be denied")
	}
	if rules != nil { // after the defaults, wherever they stand
		fields := p.ruleFields()
		p.List(rules, rulesPath, func(n *yaml.Node, path strictyaml.Path) { p.readRule(n, path, fields) })
	}
}

func (p *parser) version(n *yaml.Node, path strictyaml.Path) int {
	if !strictyaml.Plain(n, yaml.ScalarNode) || n.Tag != "!!int" || n.Value != "1" {
		p.Add(n, path, "%s is not a version that this program knows; write 1", strictyaml.Describe(n))
	}
	return 1
}

func (p *parser) defaults(n *yaml.Node, path strictyaml.Path) {
	d := &p.document.Defaults
	var limits *yaml.Node
	var limitsPath strictyaml.Path
	p.Fields(n, path, strictyaml.Fields{
		"ports": func(n *yaml.Node, path strictyaml.Path) { d.Ports = p.ports(n, path) },
		"mode": func(n *yaml.Node, path strictyaml.Path) {
			d.Mode, p.document.ModeAt = strictyaml.Choice(&p.Reader, n, path, Enforce, ShadowMode), strictyaml.PositionOf(n)
		},
		"on_revoke": func(n *yaml.Node, path strictyaml.Path) {
			d.OnRevoke = strictyaml.Choice(&p.Reader, n, path, Keep, Close)
		},
		"client_hello_timeout": func(n *yaml.Node, path strictyaml.Path) {
			d.ClientHelloTimeout = p.duration(n, path, 100*time.Millisecond, 5*time.Minute)
		},
		"max_client_hello_bytes": func(n *yaml.Node, path strictyaml.Path) {
			d.MaxClientHelloBytes, _ = p.Integer(n, path, 512, 65536)
		},
		"refuse_ech": func(n *yaml.Node, path strictyaml.Path) { d.RefuseECH = p.Boolean(n, path) },
		"refusal": func(n *yaml.Node, path strictyaml.Path) {
			d.Refusal = strictyaml.Choice(&p.Reader, n, path, RefuseWithAlert, RefuseWithClose, RefuseWithReset)
		},
		"limits":                     func(n *yaml.Node, path strictyaml.Path) { limits, limitsPath = n, path },
		"logged_refusals_per_second": func(n *yaml.Node, path strictyaml.Path) { d.LoggedRefusals = p.allowed(n, path) },
	})
	d.Limits.Mode = d.Mode
	if limits != nil { // after the mode, wherever that stands
		p.limits(limits, limitsPath, &d.Limits, nil)
	}
}

func (p *parser) ports(n *yaml.Node, path strictyaml.Path) (ports []uint16) {
	p.List(n, path, func(n *yaml.Node, path strictyaml.Path) {
		port, ok := p.Integer(n, path, 1, 65535)
		if !ok {
			return
		}
		if slices.Contains(ports, uint16(port)) {
			p.Add(n, path, "%d: given twice; remove one", port)
		}
		ports = append(ports, uint16(port))
	})
	return ports
}

func (p *parser) duration(n *yaml.Node, path strictyaml.Path, low, high time.Duration) time.Duration {
	text, _ := strictyaml.Scalar(n)
	d, err := time.ParseDuration(text)
	if err != nil || d < low || d > high {
		p.Add(n, path, "%s where a duration from %v to %v is wanted, such as %q", strictyaml.Describe(n), low, high, fmt.Sprint(5*time.Second))
	}
	return d
}
