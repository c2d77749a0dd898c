package policy

import (
	"cmp"
	"slices"
)

// Compile returns the policy in force for d. It cannot fail: Parse checked d.
// A nil or zero Document gives the zero Policy.
func (d *Document) Compile() *Policy {
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
			shadow:   d.Defaults.Mode == ShadowMode,
			close:    d.Defaults.OnRevoke == Close,
		},
		interned: map[setLink]setID{},
		domains:  newDomainList(hosts),
		globs:    map[Pattern]setID{},
		automata: map[string]*automaton{},
	}
	c.compile(d.Rules)
	return c.policy
}

// compiler collects what the rules have for each host.
type compiler struct {
	policy   *Policy
	interned map[setLink]setID
	domains  domainList
	globs    map[Pattern]setID
	automata map[string]*automaton // shared by globs that differ in their literal ends only
}

func (c *compiler) compile(rules []Rule) {
	rules = slices.Clone(rules)
	slices.SortFunc(rules, func(a, b Rule) int { return cmp.Compare(a.Name, b.Name) })
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

func compileRule(r Rule, automata map[string]*automaton) rule {
	compiled := rule{name: r.Name, ports: r.Ports, action: r.Action, mode: r.Mode, close: r.OnRevoke == Close}
	for _, principal := range r.Principals {
		compiled.principals = append(compiled.principals, compileGlob(principal, '/', automata)...)
	}
	return compiled
}

func (c *compiler) add(host Pattern, rule uint32) {
	switch host.kind {
	case Exact:
		d := c.domains.of(host.domain)
		d.exact = c.extend(d.exact, rule)
	case Wildcard:
		d := c.domains.of(host.domain)
		d.under = c.extend(d.under, rule)
	case Any:
		c.policy.any = c.extend(c.policy.any, rule)
	case Glob:
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
		for _, g := range compileGlob(host.head(), '.', c.automata) {
			byDomain[host.domain] = append(byDomain[host.domain], indexedGlob{glob: g, set: set, specificity: host.specificity()})
		}
	}
	p := c.policy
	for domain, globs := range byDomain {
		p.globs = append(p.globs, newGlobIndex(globs))
		c.domains.of(domain).globs = uint32(len(p.globs))
	}
}
