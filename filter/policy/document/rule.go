package document

import (
	"go.yaml.in/yaml/v4"

	"wildcard-egress/filter/policy/servername"
	"wildcard-egress/filter/policy/strictyaml"
)

const maxRuleNameBytes = 64

// ruleBeingRead is the rule whose fields are read.
type ruleBeingRead struct {
	Rule
	named     bool
	hosts     *yaml.Node // read after all other fields: what they may be hangs on the action
	hostsPath strictyaml.Path
}

// ruleFields returns the readers of a rule's fields. They are the same for all
// rules, so that a file of a million of them does not make a map for each.
func (p *parser) ruleFields() strictyaml.Fields {
	r := &p.rule
	narrows := func(field string) {
		if r.hosts != nil {
			r.AfterHosts = append(r.AfterHosts, field)
		}
	}
	return strictyaml.Fields{
		"name": func(n *yaml.Node, path strictyaml.Path) { r.named, r.Name = true, p.name(n, path) },
		"action": func(n *yaml.Node, path strictyaml.Path) {
			if r.Action = strictyaml.Choice(&p.Reader, n, path, Allow, Deny); r.Action == Deny {
				narrows("action")
			}
		},
		"mode": func(n *yaml.Node, path strictyaml.Path) {
			r.Mode = strictyaml.Choice(&p.Reader, n, path, Enforce, ShadowMode)
			if r.Mode == ShadowMode && p.document.Defaults.Mode == Enforce {
				narrows("mode")
			}
		},
		"on_revoke": func(n *yaml.Node, path strictyaml.Path) {
			r.OnRevoke = strictyaml.Choice(&p.Reader, n, path, Keep, Close)
		},
		"hosts": func(n *yaml.Node, path strictyaml.Path) { r.hosts, r.hostsPath = n, path },
		"principals": func(n *yaml.Node, path strictyaml.Path) {
			narrows("principals")
			r.Principals, r.PrincipalsAt = p.principals(n, path)
		},
		"ports":  func(n *yaml.Node, path strictyaml.Path) { narrows("ports"); r.Ports = p.ports(n, path) },
		"limits": func(n *yaml.Node, path strictyaml.Path) { narrows("limits"); p.ruleLimits(n, path, &r.Rule) },
	}
}

func (p *parser) readRule(n *yaml.Node, path strictyaml.Path, fields strictyaml.Fields) {
	d := p.document.Defaults
	r := &p.rule
	*r = ruleBeingRead{Rule: Rule{Action: Allow, Mode: d.Mode, OnRevoke: d.OnRevoke, At: strictyaml.PositionOf(n)}}
	ok := p.Fields(n, path, fields)
	if ok && !r.named {
		p.Add(n, path, "no name; a rule needs one")
	}
	if n.Style&yaml.FlowStyle != 0 { // without its last brace it is no YAML
		r.AfterHosts = nil
	}
	if r.hosts != nil {
		p.hosts(r.hosts, r.hostsPath, &r.Rule)
	} else if ok {
		p.Add(n, path, "no hosts; a rule needs one")
	}
	if r.Limits != nil && r.Action == Deny {
		p.AddAt(r.LimitsAt, path()+".limits", "a deny rule lets nothing through that could be limited; remove them")
	}
	if len(r.Ports) == 0 && r.Action == Allow {
		r.Ports = d.Ports
	}
	p.document.Rules = append(p.document.Rules, r.Rule)
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
		hosts, err := parseHosts(text, r.Action)
		if err != nil {
			p.Add(n, path, "%v", err)
			return
		}
		for _, host := range hosts {
			if seen[host.text] {
				p.Add(n, path, "%q: given twice in this rule; remove one", text)
				continue
			}
			seen[host.text] = true
			r.Hosts = append(r.Hosts, host)
			r.HostsAt = append(r.HostsAt, strictyaml.PositionOf(n))
		}
	})
}

func (p *parser) principals(n *yaml.Node, path strictyaml.Path) (principals []string, at []strictyaml.Position) {
	seen := map[string]bool{}
	p.List(n, path, func(n *yaml.Node, path strictyaml.Path) {
		text, ok := p.Text(n, path)
		if !ok {
			return
		}
		if fault := PrincipalFault(text); fault != "" {
			p.Add(n, path, "%q: %s", strictyaml.Clip(text), fault)
		} else if seen[text] {
			p.Add(n, path, "%q: given twice in this rule; remove one", text)
		}
		seen[text] = true
		principals, at = append(principals, text), append(at, strictyaml.PositionOf(n))
	})
	return principals, at
}
