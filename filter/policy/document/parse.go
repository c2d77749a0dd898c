package document

import (
	"fmt"
	"slices"
	"time"

	"go.yaml.in/yaml/v4"

	"wildcard-egress/filter/policy/servername"
	"wildcard-egress/filter/policy/strictyaml"
)

const maxRuleNameBytes = 64

// Parse reads and checks a policy, YAML or JSON. file is the name for errors.
// It reports all mistakes at once, as Problems.
func Parse(file string, data []byte) (*Document, error) {
	p := parser{
		Reader:   strictyaml.Reader{File: file},
		document: &Document{File: file, Defaults: Defaults{Ports: []uint16{443}, Settings: DefaultSettings}},
		names:    map[string]strictyaml.Position{},
	}
	if body := p.Document(data); body != nil {
		p.policy(body)
	}
	if len(p.Problems) > 0 {
		p.Problems.Sort()
		return nil, p.Problems
	}
	return p.document, nil
}

// parser reads the fields of a policy.
type parser struct {
	strictyaml.Reader
	document *Document
	names    map[string]strictyaml.Position // where each rule's name was given
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
		p.List(rules, rulesPath, p.rule)
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
	p.Fields(n, path, strictyaml.Fields{
		"ports": func(n *yaml.Node, path strictyaml.Path) { d.Ports = p.ports(n, path) },
		"mode": func(n *yaml.Node, path strictyaml.Path) {
			d.Mode = strictyaml.Choice(&p.Reader, n, path, Enforce, ShadowMode)
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
	})
}

func (p *parser) rule(n *yaml.Node, path strictyaml.Path) {
	d := p.document.Defaults
	r := Rule{Action: Allow, Mode: d.Mode, OnRevoke: d.OnRevoke, At: strictyaml.PositionOf(n)}
	given := map[string]bool{}
	note := func(name string, read strictyaml.Read) strictyaml.Read {
		return func(n *yaml.Node, path strictyaml.Path) { given[name] = true; read(n, path) }
	}
	ok := p.Fields(n, path, strictyaml.Fields{
		"name": note("name", func(n *yaml.Node, path strictyaml.Path) { r.Name = p.name(n, path) }),
		"action": func(n *yaml.Node, path strictyaml.Path) {
			r.Action = strictyaml.Choice(&p.Reader, n, path, Allow, Deny)
		},
		"mode": func(n *yaml.Node, path strictyaml.Path) {
			r.Mode = strictyaml.Choice(&p.Reader, n, path, Enforce, ShadowMode)
		},
		"on_revoke": func(n *yaml.Node, path strictyaml.Path) {
			r.OnRevoke = strictyaml.Choice(&p.Reader, n, path, Keep, Close)
		},
		"hosts":      note("hosts", func(n *yaml.Node, path strictyaml.Path) { p.hosts(n, path, &r) }),
		"principals": func(n *yaml.Node, path strictyaml.Path) { r.Principals = p.principals(n, path) },
		"ports":      func(n *yaml.Node, path strictyaml.Path) { r.Ports = p.ports(n, path) },
	})
	for _, required := range []string{"name", "hosts"} {
		if ok && !given[required] {
			p.Add(n, path, "no %s; a rule needs one", required)
		}
	}
	if len(r.Ports) == 0 && r.Action == Allow {
		r.Ports = d.Ports
	}
	p.document.Rules = append(p.document.Rules, r)
}

func (p *parser) name(n *yaml.Node, path strictyaml.Path) string {
	name, ok := p.Text(n, path)
	if !ok {
		return ""
	}
	if !validRuleName(name) {
		p.Add(n, path, "%q: a name has letters, digits, '.', '_' and '-', %d at most, since it appears in logs and metrics", strictyaml.Clip(name), maxRuleNameBytes)
		return ""
	}
	if first, ok := p.names[name]; ok {
		p.Add(n, path, "%q: also the name of the rule in line %d; names are unique", name, first.Line)
	} else {
		p.names[name] = strictyaml.PositionOf(n)
	}
	return name
}

func validRuleName(name string) bool {
	for i := range len(name) {
		if c := servername.Lower(name[i]); !servername.IsByte(c) && c != '.' {
			return false
		}
	}
	return name != "" && len(name) <= maxRuleNameBytes
}

func (p *parser) hosts(n *yaml.Node, path strictyaml.Path, r *Rule) {
	seen := map[string]bool{}
	p.List(n, path, func(n *yaml.Node, path strictyaml.Path) {
		text, ok := p.Text(n, path)
		if !ok {
			return
		}
		host, err := ParsePattern(text)
		switch {
		case err != nil:
			p.Add(n, path, "%v", err)
		case seen[host.text]:
			p.Add(n, path, "%q: given twice in this rule; remove one", text)
		default:
			seen[host.text] = true
			r.Hosts = append(r.Hosts, host)
			r.HostsAt = append(r.HostsAt, strictyaml.PositionOf(n))
		}
	})
}

func (p *parser) principals(n *yaml.Node, path strictyaml.Path) (principals []string) {
	seen := map[string]bool{}
	p.List(n, path, func(n *yaml.Node, path strictyaml.Path) {
		text, ok := p.Text(n, path)
		if !ok {
			return
		}
		if fault := principalFault(text); fault != "" {
			p.Add(n, path, "%q: %s", strictyaml.Clip(text), fault)
		} else if seen[text] {
			p.Add(n, path, "%q: given twice in this rule; remove one", text)
		}
		seen[text] = true
		principals = append(principals, text)
	})
	return principals
}

func (p *parser) ports(n *yaml.Node, path strictyaml.Path) (ports []uint16) {
	p.List(n, path, func(n *yaml.Node, path strictyaml.Path) {
		port, ok := p.Integer(n, path, 1, 65535)
		if !ok {
			return
		}
		if slices.Contains(ports, uint16(port)) { //nolint:gosec // 1 to 65535
			p.Add(n, path, "%d: given twice; remove one", port)
		}
		ports = append(ports, uint16(port)) //nolint:gosec // 1 to 65535
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
