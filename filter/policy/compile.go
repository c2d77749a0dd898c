package policy

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"
)

// Compile returns the policy in force for d. It cannot fail: Parse checked d.
// A nil or zero Document gives the zero Policy.
func (d *Document) Compile() *Policy {
	if d == nil || len(d.Rules) == 0 {
		return &Policy{}
	}
	c := compiler{
		policy: &Policy{
			settings: d.Defaults.Settings,
			shadow:   d.Defaults.Mode == ShadowMode,
			close:    d.Defaults.OnRevoke == Close,
		},
		automata: map[string]*automaton{},
		interned: map[setLink]setID{},
		globs:    map[string][]indexedGlob{},
	}
	c.compile(d.Rules)
	return c.policy
}

type compiler struct {
	policy   *Policy
	automata map[string]*automaton
	interned map[setLink]setID
	globs    map[string][]indexedGlob // by domain
}

func (c *compiler) compile(rules []Rule) {
	rules = slices.Clone(rules)
	slices.SortFunc(rules, func(a, b Rule) int { return cmp.Compare(a.Name, b.Name) })
	hosts := 0
	for _, r := range rules {
		hosts += len(r.Hosts)
	}
	p := c.policy
	p.sets = make(ruleSets, 1)
	p.rules = make([]rule, 0, len(rules))
	p.domains.reserve(hosts)
	for i, r := range rules {
		p.rules = append(p.rules, c.rule(r))
		for _, host := range r.Hosts {
			c.add(host, uint32(i))
		}
	}
	for domain, globs := range c.globs {
		p.globs = append(p.globs, newGlobIndex(globs))
		p.domains.entry(domain).globs = uint32(len(p.globs))
	}
}

func (c *compiler) rule(r Rule) rule {
	compiled := rule{name: r.Name, ports: r.Ports, action: r.Action, mode: r.Mode, close: r.OnRevoke == Close}
	for _, principal := range r.Principals {
		compiled.principals = append(compiled.principals, compileGlob(principal, '/', c.automata)...)
	}
	return compiled
}

func (c *compiler) add(host Pattern, rule uint32) {
	p := c.policy
	switch host.kind {
	case Exact:
		c.extend(&p.domains.entry(host.domain).exact, rule)
	case Wildcard:
		c.extend(&p.domains.entry(host.domain).under, rule)
	case Any:
		c.extend(&p.any, rule)
	case Glob:
		var set setID
		c.extend(&set, rule)
		for _, g := range compileGlob(host.head(), '.', c.automata) {
			c.globs[host.domain] = append(c.globs[host.domain], indexedGlob{glob: g, set: set, specificity: host.specificity()})
		}
	}
}

// extend puts a rule into a set, unless it was the last one put in.
func (c *compiler) extend(set *setID, rule uint32) {
	if *set != 0 && c.policy.sets[*set].rule == rule {
		return
	}
	link := setLink{rule: rule, rest: *set}
	id, ok := c.interned[link]
	if !ok {
		id = setID(len(c.policy.sets))
		c.policy.sets = append(c.policy.sets, link)
		c.interned[link] = id
	}
	*set = id
}

// reserve makes room for n domains; three slots in four are used at most.
func (t *domainTable) reserve(n int) {
	size := 8
	for size*3 < n*4 {
		size *= 2
	}
	t.seed = maphash.MakeSeed()
	t.slots = make([]slot, size)
	t.entries = make([]domainEntry, 0, n)
	t.spans = make([]span, 0, n)
}

// entry returns the entry of a domain, made if need be, until the next call.
func (t *domainTable) entry(domain string) *domainEntry {
	i, ok := t.locate(domain)
	if !ok {
		t.entries = append(t.entries, domainEntry{})
		t.spans = append(t.spans, span{offset: uint32(len(t.names)), length: uint8(len(domain))})
		t.names = append(t.names, domain...)
		t.slots[i] = slot{tag: uint32(maphash.String(t.seed, domain) >> 32), entry: uint32(len(t.entries))}
	}
	return &t.entries[t.slots[i].entry-1]
}

// indexedGlob is a glob with the rules that have it.
type indexedGlob struct {
	glob
	set         setID
	specificity int
	shorter     int // the nearest earlier glob whose prefix begins this one's, or -1
}

// globIndex has the globs of one domain in the order of their prefixes. All
// prefixes of a string are then reached from its place in the order by going
// from each glob to its shorter one.
type globIndex []indexedGlob

func newGlobIndex(globs []indexedGlob) globIndex {
	slices.SortFunc(globs, func(a, b indexedGlob) int { return cmp.Compare(a.prefix, b.prefix) })
	for i := range globs {
		shorter := i - 1
		for shorter >= 0 && !strings.HasPrefix(globs[i].prefix, globs[shorter].prefix) {
			shorter = globs[shorter].shorter
		}
		globs[i].shorter = shorter
	}
	return globs
}

// walk shows m the rules whose globs match head.
func (x globIndex) walk(head string, m *match) {
	after, _ := slices.BinarySearchFunc(x, head, func(g indexedGlob, head string) int {
		if g.prefix <= head {
			return -1
		}
		return 1
	})
	for i := after - 1; i >= 0; i = x[i].shorter {
		if g := &x[i]; g.matches(head) {
			m.consider(g.set, g.specificity)
		}
	}
}
