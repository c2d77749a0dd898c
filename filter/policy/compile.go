package policy

import (
	"cmp"
	"slices"

	"wildcard-egress/filter/policy/document"
	"wildcard-egress/filter/policy/glob"
)

// Compile returns the policy in force for d. It cannot fail: document.Parse checked d.
// A nil or zero Document gives the zero Policy.
func Compile(d *document.Document) *Policy {
	if d == nil || len(d.Rules) == 0 {
		return &Policy{}
	}
	hosts := 0
	for _, r := range d.Rules {
		hosts += len(r.Hosts)
	}
	c := compiler{
		policy: &Policy{
			settings: d.Defaults.Settings,
			shadow:   d.Defaults.Mode == document.ShadowMode,
			close:    d.Defaults.OnRevoke == document.Close,
		},
		interned: map[setLink]setID{},
		domains:  newDomainList(hosts),
		globs:    map[document.Pattern]setID{},
		automata: glob.Automata{},
	}
	c.compile(d.Rules)
	return c.policy
}

// compiler collects what the rules have for each host.
type compiler struct {
	policy   *Policy
	interned map[setLink]setID
	domains  domainList
	globs    map[document.Pattern]setID
	automata glob.Automata // shared by globs that differ in their literal ends only
}

func (c *compiler) compile(rules []document.Rule) {
	rules = slices.Clone(rules)
	slices.SortFunc(rules, func(a, b document.Rule) int { return cmp.Compare(a.Name, b.Name) })
	p := c.policy
	p.sets = make(ruleSets, 1)
	p.rules = make([]rule, 0, len(rules))
	for i, r := range rules {
		p.rules = append(p.rules, compileRule(r, c.automata))
		for _, host := range r.Hosts {
			c.add(host, uint32(i))
		}
	}
	c.indexGlobs()
	p.domains = newDomainTable(c.domains)
}

func compileRule(r document.Rule, automata glob.Automata) rule {
	compiled := rule{name: r.Name, ports: r.Ports, action: r.Action, mode: r.Mode, close: r.OnRevoke == document.Close, limits: r.Limits}
	for _, principal := range r.Principals {
		compiled.principals = append(compiled.principals, glob.Compile(principal, '/', automata)...)
	}
	return compiled
}

func (c *compiler) add(host document.Pattern, rule uint32) {
	switch host.Kind() {
	case document.Exact:
		d := c.domains.of(host.Domain())
		d.exact = c.extend(d.exact, rule)
	case document.Wildcard:
		d := c.domains.of(host.Domain())
		d.under = c.extend(d.under, rule)
	case document.Any:
		c.policy.any = c.extend(c.policy.any, rule)
	case document.Glob:
		c.globs[host] = c.extend(c.globs[host], rule)
	}
}

// extend returns a set with one more rule.
func (c *compiler) extend(set setID, rule uint32) setID {
	link := setLink{rule: rule, rest: set}
	id, ok := c.interned[link]
	if !ok {
		id = setID(len(c.policy.sets))
		c.policy.sets = append(c.policy.sets, link)
		c.interned[link] = id
	}
	return id
}

// indexGlobs files the globs under the domains that they end with.
func (c *compiler) indexGlobs() {
	byDomain := map[string][]indexedGlob{}
	for host, set := range c.globs {
		for _, g := range glob.Compile(host.Head(), '.', c.automata) {
			byDomain[host.Domain()] = append(byDomain[host.Domain()], indexedGlob{Glob: g, set: set, specificity: host.Specificity()})
		}
	}
	p := c.policy
	for domain, globs := range byDomain {
		p.globs = append(p.globs, newGlobIndex(globs))
		if domain == "" {
			p.anyDomain = len(p.globs)
		} else {
			c.domains.of(domain).globs = uint32(len(p.globs))
		}
	}
}
