package policy

import (
	"fmt"
	"slices"
	"time"

	"go.yaml.in/yaml/v4"
)

const maxRuleNameBytes = 64

// Parse reads and checks a policy, YAML or JSON. file is the name for errors.
// It reports all mistakes at once, as Problems.
func Parse(file string, data []byte) (*Document, error) {
	p := parser{
		reader:   reader{file: file},
		document: &Document{file: file, Defaults: Defaults{Ports: []uint16{443}, Settings: defaultSettings}},
		names:    map[string]position{},
	}
	if body := p.reader.document(data); body != nil {
		p.policy(body)
	}
	if len(p.problems) > 0 {
		p.problems.sort()
		return nil, p.problems
	}
	return p.document, nil
}

// parser reads the fields of a policy.
type parser struct {
	reader
	document *Document
	names    map[string]position // where each rule's name was given
}

func (p *parser) policy(body *yaml.Node) {
	d := p.document
	var rules, version *yaml.Node
	var rulesPath fieldPath
	ok := p.fields(body, root, fieldReaders{
		"version":  func(n *yaml.Node, path fieldPath) { version = n; d.Version = p.version(n, path) },
		"defaults": p.defaults,
		"rules":    func(n *yaml.Node, path fieldPath) { rules, rulesPath = n, path },
	})
	if ok && version == nil {
		p.add(body, root, `no version; the file starts with "version: 1"`)
	}
	if ok && rules == nil {
		p.add(body, root, "no rules; without any, everything would be denied")
	}
	if rules != nil { // after the defaults, wherever they stand
		p.list(rules, rulesPath, p.rule)
	}
}

func (p *parser) version(n *yaml.Node, path fieldPath) int {
	if !plain(n, yaml.ScalarNode) || n.Tag != "!!int" || n.Value != "1" {
		p.add(n, path, "%s is not a version that this program knows; write 1", describe(n))
	}
	return 1
}

func (p *parser) defaults(n *yaml.Node, path fieldPath) {
	d := &p.document.Defaults
	p.fields(n, path, fieldReaders{
		"ports":     func(n *yaml.Node, path fieldPath) { d.Ports = p.ports(n, path) },
		"mode":      func(n *yaml.Node, path fieldPath) { d.Mode = choice(&p.reader, n, path, Enforce, ShadowMode) },
		"on_revoke": func(n *yaml.Node, path fieldPath) { d.OnRevoke = choice(&p.reader, n, path, Keep, Close) },
		"client_hello_timeout": func(n *yaml.Node, path fieldPath) {
			d.ClientHelloTimeout = p.duration(n, path, 100*time.Millisecond, 5*time.Minute)
		},
		"max_client_hello_bytes": func(n *yaml.Node, path fieldPath) {
			d.MaxClientHelloBytes, _ = p.integer(n, path, 512, 65536)
		},
		"refuse_ech": func(n *yaml.Node, path fieldPath) { d.RefuseECH = p.boolean(n, path) },
		"refusal": func(n *yaml.Node, path fieldPath) {
			d.Refusal = choice(&p.reader, n, path, RefuseWithAlert, RefuseWithClose, RefuseWithReset)
		},
	})
}

func (p *parser) rule(n *yaml.Node, path fieldPath) {
	d := p.document.Defaults
	r := Rule{Action: Allow, Mode: d.Mode, OnRevoke: d.OnRevoke, at: positionOf(n)}
	given := map[string]bool{}
	note := func(name string, read fieldReader) fieldReader {
		return func(n *yaml.Node, path fieldPath) { given[name] = true; read(n, path) }
	}
	ok := p.fields(n, path, fieldReaders{
		"name":       note("name", func(n *yaml.Node, path fieldPath) { r.Name = p.name(n, path) }),
		"action":     func(n *yaml.Node, path fieldPath) { r.Action = choice(&p.reader, n, path, Allow, Deny) },
		"mode":       func(n *yaml.Node, path fieldPath) { r.Mode = choice(&p.reader, n, path, Enforce, ShadowMode) },
		"on_revoke":  func(n *yaml.Node, path fieldPath) { r.OnRevoke = choice(&p.reader, n, path, Keep, Close) },
		"hosts":      note("hosts", func(n *yaml.Node, path fieldPath) { p.hosts(n, path, &r) }),
		"principals": func(n *yaml.Node, path fieldPath) { r.Principals = p.principals(n, path) },
		"ports":      func(n *yaml.Node, path fieldPath) { r.Ports = p.ports(n, path) },
	})
	for _, required := range []string{"name", "hosts"} {
		if ok && !given[required] {
			p.add(n, path, "no %s; a rule needs one", required)
		}
	}
	if len(r.Ports) == 0 && r.Action == Allow {
		r.Ports = d.Ports
	}
	p.document.Rules = append(p.document.Rules, r)
}

func (p *parser) name(n *yaml.Node, path fieldPath) string {
	name, ok := p.text(n, path)
	if !ok {
		return ""
	}
	if !validRuleName(name) {
		p.add(n, path, "%q: a name has letters, digits, '.', '_' and '-', %d at most, since it appears in logs and metrics", clip(name), maxRuleNameBytes)
		return ""
	}
	if first, ok := p.names[name]; ok {
		p.add(n, path, "%q: also the name of the rule in line %d; names are unique", name, first.line)
	} else {
		p.names[name] = positionOf(n)
	}
	return name
}

func validRuleName(name string) bool {
	for i := range len(name) {
		if c := lowerByte(name[i]); !isNameByte(c) && c != '.' {
			return false
		}
	}
	return name != "" && len(name) <= maxRuleNameBytes
}

func (p *parser) hosts(n *yaml.Node, path fieldPath, r *Rule) {
	seen := map[string]bool{}
	p.list(n, path, func(n *yaml.Node, path fieldPath) {
		text, ok := p.text(n, path)
		if !ok {
			return
		}
		host, err := ParsePattern(text)
		switch {
		case err != nil:
			p.add(n, path, "%v", err)
		case seen[host.text]:
			p.add(n, path, "%q: given twice in this rule; remove one", text)
		default:
			seen[host.text] = true
			r.Hosts = append(r.Hosts, host)
			r.hostsAt = append(r.hostsAt, positionOf(n))
		}
	})
}

func (p *parser) principals(n *yaml.Node, path fieldPath) (principals []string) {
	seen := map[string]bool{}
	p.list(n, path, func(n *yaml.Node, path fieldPath) {
		text, ok := p.text(n, path)
		if !ok {
			return
		}
		if fault := principalFault(text); fault != "" {
			p.add(n, path, "%q: %s", clip(text), fault)
		} else if seen[text] {
			p.add(n, path, "%q: given twice in this rule; remove one", text)
		}
		seen[text] = true
		principals = append(principals, text)
	})
	return principals
}

func (p *parser) ports(n *yaml.Node, path fieldPath) (ports []uint16) {
	p.list(n, path, func(n *yaml.Node, path fieldPath) {
		port, ok := p.integer(n, path, 1, 65535)
		if ok && slices.Contains(ports, uint16(port)) {
			p.add(n, path, "%d: given twice; remove one", port)
		}
		ports = append(ports, uint16(port))
	})
	return ports
}

func (p *parser) duration(n *yaml.Node, path fieldPath, low, high time.Duration) time.Duration {
	text, _ := scalar(n)
	d, err := time.ParseDuration(text)
	if err != nil || d < low || d > high {
		p.add(n, path, "%s where a duration from %v to %v is wanted, such as %q", describe(n), low, high, fmt.Sprint(5*time.Second))
	}
	return d
}
