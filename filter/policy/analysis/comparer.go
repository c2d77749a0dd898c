package analysis

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/document"
	"wildcard-egress/filter/policy/glob"
)

type comparer struct {
	Comparison
	Options
	begin time.Time
	containment
	trimmed
	policies [2]*policy.Policy
	rules    []sidedRule
	listed   []document.Rule // the enforced ones, with the hosts that are looked at
	index    *hostIndex      // of these
	near     *nearIndex      // of all hosts
	touched  *nearIndex      // of changed hosts
	changed  map[string]bool // hosts whose rules differ
	outcomes map[outcome]bool
	all      bool // what no rule allows is decided differently
	cells    map[string][]cell
	reported map[string]bool
	labels   map[string]string      // of names
	plains   map[string][]string    // by principal
	globs    map[string][]glob.Glob // likewise
}

// sidedRule is an enforced rule of one of the policies, or what a policy does
// where no rule matches.
type sidedRule struct {
	document.Rule
	side      int // 0 is old, 1 is new
	byDefault bool
	print     string // equal for rules of the two sides that decide the same
}

func newComparer(old, new *document.Document, o Options) *comparer {
	c := &comparer{
		Options:  o,
		begin:    time.Now(),
		all:      old.Defaults.Mode != new.Defaults.Mode,
		cells:    map[string][]cell{},
		reported: map[string]bool{}, labels: map[string]string{}, plains: map[string][]string{}, globs: map[string][]glob.Glob{},
	}
	c.addRules(old, new)
	c.trimmed = trim(old, new, c.rules)
	var compiling sync.WaitGroup
	for side, d := range []*document.Document{c.old, c.new} {
		compiling.Go(func() { c.policies[side] = policy.Compile(d) })
	}
	defer compiling.Wait()
	c.listed = slices.Concat(enforced(c.old), enforced(c.new))
	c.index = newHostIndex(c.listed)
	c.findChanged()
	return c
}

// limit sets the deadline of the search that begins now: at least a third of the
// time is left for it.
func (c *comparer) limit() {
	c.deadline = time.Now().Add(time.Hour)
	if c.Limit > 0 {
		c.deadline = c.begin.Add(c.Limit)
		if least := time.Now().Add(c.Limit / 3); least.After(c.deadline) {
			c.deadline = least
		}
	}
}

// enforced returns a policy's rules but for those that only report.
func enforced(d *document.Document) []document.Rule {
	return slices.DeleteFunc(slices.Clone(d.Rules), func(r document.Rule) bool { return r.Mode != document.Enforce })
}

// shadowPort is where the shadow default sends what no rule allows, when the
// mesh does not tell the port.
const shadowPort = 443

// addRules adds the enforced rules of both sides, in their order, and what these
// do by default.
func (c *comparer) addRules(old, new *document.Document) {
	documents := []*document.Document{old, new}
	for side, d := range documents {
		for _, r := range enforced(d) {
			c.rules = append(c.rules, sidedRule{Rule: r, side: side})
		}
	}
	for side, d := range documents {
		if d.Defaults.Mode == document.ShadowMode {
			c.rules = append(c.rules, sidedRule{Rule: document.Rule{Action: document.Allow, Ports: []uint16{shadowPort}, OnRevoke: d.Defaults.OnRevoke}, side: side, byDefault: true})
		}
	}
	c.outcomes = map[outcome]bool{}
	for _, r := range c.rules {
		if r.Action == document.Allow {
			c.outcomes[r.outcome(0)] = true
		}
	}
	for i, r := range c.rules {
		c.rules[i].print = fmt.Sprintf("%v %v %q", r.Action, r.Ports, slices.Sorted(slices.Values(r.Principals)))
		if len(c.outcomes) > 1 { // then it matters which of several allow rules decides
			c.rules[i].print += fmt.Sprint(r.Name, r.OnRevoke)
		}
	}
}

// findChanged notes the hosts whose rules differ in the two policies.
func (c *comparer) findChanged() {
	c.changed = map[string]bool{}
	var touched []document.Pattern
	for text, host := range c.index.hosts {
		if !c.sameRules(host) {
			c.changed[text] = true
			touched = append(touched, host.Pattern)
		}
	}
	if len(c.index.globs) > 0 { // else no two hosts overlap without one being wider
		c.near, c.touched = newNearIndex(c.index.all()), newNearIndex(touched)
	}
}

// sameRules says whether the rules of both sides that list a host decide the same.
func (c *comparer) sameRules(host indexedHost) bool {
	if len(host.more) == 1 { // mostly
		one, other := &c.rules[host.first], &c.rules[host.more[0]]
		return one.side != other.side && one.print == other.print
	}
	sides := [2]map[string]bool{{}, {}}
	for _, rule := range append([]int{host.first}, host.more...) {
		sides[c.rules[rule].side][c.rules[rule].print] = true
	}
	return maps.Equal(sides[0], sides[1])
}

// outcome is in what two rules that allow a request can differ.
type outcome struct {
	port     uint16 // if the mesh does not tell it
	onRevoke document.OnRevoke
	limits   document.Limits
}

func (r sidedRule) outcome(asked uint16) outcome {
	return outcome{cmp.Or(asked, r.Ports[0]), r.OnRevoke, limitsOf(r.Limits)}
}

// limitsOf are those of a rule; without any the zero value.
func limitsOf(l *document.Limits) document.Limits {
	if l == nil {
		return document.Limits{}
	}
	return *l
}
