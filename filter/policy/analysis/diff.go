package analysis

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/document"
	"wildcard-egress/filter/policy/glob"
)

// Change is a decision that two policies make differently: another action,
// another upstream port, or, by a rule of another name, another on_revoke.
type Change struct {
	Host      string         // the narrowest host that matches, "a and b" where two overlap, "other" if none does
	Principal string         // a principal of the rules, "any", "unknown" or "other"
	Port      string         // a port of the rules, "unknown" or "other"
	Example   policy.Request // one that is decided so
	Old, New  policy.Decision
}

// Undecided is a question that could not be answered in the time there was.
type Undecided struct {
	Host      string `json:"host"`
	Principal string `json:"principal"` // empty for all
	Port      string `json:"port"`      // empty for all
}

// Comparison is the difference of two policies.
type Comparison struct {
	Settings []SettingChange
	Changes  []Change // in the order of hosts, principals and ports
	// Undecided says of which requests it is not known whether Changes has all;
	// MoreUndecided counts those that are left out of it.
	Undecided     []Undecided
	MoreUndecided int
}

// The words of Change for what no rule lists.
const (
	anyWord     = "any"
	unknownWord = "unknown"
	otherWord   = "other"
)

// Options bound and show a comparison.
type Options struct {
	Limit    time.Duration         // how long it may take; 0: as long as it takes
	Progress func(done, hosts int) // if not nil, called now and then
}

// Bounds of what a comparison holds.
const (
	maxChanges   = 100_000
	maxUndecided = 1_000
)

// Compare finds which requests two policies decide differently, and which of
// their settings differ. For every host, every principal (also one that no rule
// lists, and none) and every port (likewise) it has a change if some request
// with that host as the narrowest, that principal as the narrowest and that port
// changes its action or its upstream port; it looks for one with automata, so
// that it misses none.
func Compare(old, new *document.Document, o Options) Comparison {
	c := newComparer(old, new, o)
	c.Settings = compareSettings(old, new)
	c.compare()
	return c.Comparison
}

type comparer struct {
	Comparison
	Options
	containment
	policies [2]*policy.Policy
	rules    []sidedRule
	index    *hostIndex      // of rules
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
		policies: [2]*policy.Policy{policy.Compile(old), policy.Compile(new)},
		all:      old.Defaults.Mode != new.Defaults.Mode,
		cells:    map[string][]cell{},
		reported: map[string]bool{}, labels: map[string]string{}, plains: map[string][]string{}, globs: map[string][]glob.Glob{},
	}
	c.deadline = time.Now().Add(time.Hour)
	if o.Limit > 0 {
		c.deadline = time.Now().Add(o.Limit)
	}
	var rules []document.Rule
	for side, d := range []*document.Document{old, new} {
		for _, r := range d.Rules {
			if r.Mode == document.Enforce { // the others only report
				rules = append(rules, r)
				c.rules = append(c.rules, sidedRule{Rule: r, side: side})
			}
		}
	}
	c.index = newHostIndex(rules)
	for side, d := range []*document.Document{old, new} {
		if d.Defaults.Mode == document.ShadowMode {
			c.rules = append(c.rules, sidedRule{Rule: document.Rule{Action: document.Allow, Ports: []uint16{shadowPort}, OnRevoke: d.Defaults.OnRevoke}, side: side, byDefault: true})
		}
	}
	c.findChanged()
	return c
}

// shadowPort is where the shadow default sends what no rule allows, when the
// mesh does not tell the port.
const shadowPort = 443

// findChanged notes the hosts whose rules differ in the two policies.
func (c *comparer) findChanged() {
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
	c.changed = map[string]bool{}
	var all, touched []document.Pattern
	for host, with := range c.index.rules {
		sides := [2]map[string]bool{{}, {}}
		for _, rule := range with {
			sides[c.rules[rule].side][c.rules[rule].print] = true
		}
		all = append(all, c.index.patterns[host])
		if !sameKeys(sides[0], sides[1]) {
			c.changed[host] = true
			touched = append(touched, c.index.patterns[host])
		}
	}
	if len(c.index.globs) > 0 { // else no two hosts overlap without one being wider
		c.near, c.touched = newNearIndex(all), newNearIndex(touched)
	}
}

// outcome is in what two rules that allow a request can differ.
type outcome struct {
	port     uint16 // if the mesh does not tell it
	onRevoke document.OnRevoke
}

func (r sidedRule) outcome(asked uint16) outcome {
	if asked != 0 {
		return outcome{asked, r.OnRevoke}
	}
	return outcome{r.Ports[0], r.OnRevoke}
}

func sameKeys(a, b map[string]bool) bool {
	for key := range a {
		if !b[key] {
			return false
		}
	}
	return len(a) == len(b)
}

func (c *comparer) compare() {
	hosts := make([]document.Pattern, 0, len(c.index.patterns))
	for _, host := range c.index.patterns {
		hosts = append(hosts, host)
	}
	// Those that changed come first, in case there is no time for all.
	slices.SortFunc(hosts, func(a, b document.Pattern) int {
		return cmp.Or(cmp.Compare(flag(c.changed[b.String()]), flag(c.changed[a.String()])), comparePatterns(a, b))
	})
	for i, host := range hosts {
		if c.Progress != nil {
			c.Progress(i, len(hosts))
		}
		late := len(c.Changes) >= maxChanges || time.Now().After(c.deadline)
		switch {
		case (!late || c.touched == nil) && !c.concerned(host):
		case late:
			c.undecided(Undecided{Host: host.String()})
		default:
			c.compareUnder(host)
		}
	}
	if c.all {
		name, v := c.nameOf([]string{everything}, func(document.Pattern) bool { return true })
		c.compareFound(name, v, otherWord)
	}
	slices.SortStableFunc(c.Changes, func(a, b Change) int { return strings.Compare(a.Host, b.Host) })
}

func (c *comparer) undecided(u Undecided) {
	if len(c.Undecided) == maxUndecided {
		c.MoreUndecided++
		return
	}
	c.Undecided = append(c.Undecided, u)
}

// concerned reports whether a change of rules can be about names of host.
func (c *comparer) concerned(host document.Pattern) bool {
	if len(c.changed) == 0 && !c.all {
		return false
	}
	changed := func(other document.Pattern) bool { return c.changed[other.String()] }
	covering := c.index.covering(host)
	if c.all || slices.ContainsFunc(covering, changed) {
		return true
	}
	near := c.overlapping(c.touched, host)
	return len(near) > 0 && !c.settled(covering, near)
}

// settled reports whether the hosts that cover others allow all that those do,
// on both sides and with the same outcome, so that what changes there does not
// matter. It is for policies of many globs that overlap.
func (c *comparer) settled(covering, changed []document.Pattern) bool {
	if len(c.outcomes) > 1 {
		return false
	}
	var allowing [2][]*sidedRule
	for _, host := range covering {
		for _, rule := range c.index.rules[host.String()] {
			if r := &c.rules[rule]; r.Action == document.Allow {
				allowing[r.side] = append(allowing[r.side], r)
			}
		}
	}
	for _, host := range changed {
		for _, rule := range c.index.rules[host.String()] {
			narrow := &c.rules[rule]
			includes := func(r *sidedRule) bool {
				return portsCover(r.Ports, narrow.Ports) && listCovers(r.Principals, narrow.Principals)
			}
			if narrow.Action == document.Deny || !slices.ContainsFunc(allowing[0], includes) || !slices.ContainsFunc(allowing[1], includes) {
				return false
			}
		}
	}
	return true
}

// listCovers reports whether the callers that wide lists include those that
// narrow lists, by their text; none are all.
func listCovers(wide, narrow []string) bool {
	if len(wide) == 0 || len(narrow) == 0 {
		return len(wide) == 0
	}
	return !slices.ContainsFunc(narrow, func(p string) bool { return !slices.Contains(wide, p) })
}

// overlapping returns the patterns of an index that may match some names of
// host, but neither all nor only names of it as far as their form tells.
func (c *comparer) overlapping(x *nearIndex, host document.Pattern) []document.Pattern {
	if x == nil || host.Kind() == document.Exact || host.Kind() == document.Any {
		return nil
	}
	near := x.of(host)
	if any, ok := c.index.patterns["*"]; ok && !hasDot(host) && (x == c.near || c.changed["*"]) {
		near = append(near, any)
	}
	return slices.DeleteFunc(near, func(other document.Pattern) bool {
		above := strings.HasSuffix("."+host.Domain(), "."+other.Domain())
		below := strings.HasSuffix("."+other.Domain(), "."+host.Domain())
		return other.Kind() == document.Wildcard && above || host.Kind() == document.Wildcard && below
	})
}

// compareUnder compares the decisions about the names of which host is the
// narrowest host.
func (c *comparer) compareUnder(host document.Pattern) {
	near := c.overlapping(c.near, host)
	switch {
	case host.Kind() == document.Exact:
		c.compareName(host.String())
	case host.Kind() != document.Glob && len(near) == 0:
		name, v := c.fresh(host)
		c.compareFound(name, v, host.String())
	default:
		q := question{comparer: c, host: host}
		covering := c.index.covering(host)
		for i, other := range append(covering, near...) {
			for _, rule := range c.index.rules[other.String()] {
				q.add(rule, other, i < len(covering))
			}
		}
		q.addDefaults()
		for _, cell := range q.cells() {
			c.report(cell)
		}
	}
}

// compareFound compares the decisions about a name that stands for a host, if
// there is one.
func (c *comparer) compareFound(name string, v verdict, host string) {
	switch v {
	case found:
		c.compareName(name)
	case undecided:
		c.undecided(Undecided{Host: host})
	}
}

// fresh looks for a name that a wildcard or "*" matches and no narrower host.
func (c *comparer) fresh(host document.Pattern) (string, verdict) {
	domain := host.Domain()
	if host.Kind() == document.Any {
		domain = "any-other"
	}
	for _, label := range []string{"x0", "y1", "q-2"} {
		if name := label + "." + domain; c.index.matching(name)[0] == host {
			return name, found
		}
	}
	return c.nameOf(plainHosts(host), func(other document.Pattern) bool { return c.strictly(host, other) })
}

// nameOf looks for a name that one of some globs matches and no host that is to
// be ruled out.
func (c *comparer) nameOf(globs []string, ruledOut func(document.Pattern) bool) (string, verdict) {
	s := search{scope: scope{names: true}, deadline: c.deadline}
	s.must = []term{s.term(globs, nil)}
	for {
		example, v := s.run()
		if v != found {
			return "", v
		}
		before := len(s.not)
		for _, other := range c.index.matching(example.name) {
			if ruledOut(other) {
				s.not = append(s.not, s.term(plainHosts(other), nil))
			}
		}
		if len(s.not) == before {
			return example.name, found
		}
	}
}

// cell is a kind of request that changes.
type cell struct {
	principal, port string // what stands for it
	example         policy.Request
}

// compareName compares the decisions about one name. Names with the same rules
// in the same order are compared once.
func (c *comparer) compareName(name string) {
	q := question{comparer: c, name: name}
	var key strings.Builder
	for _, host := range c.index.matching(name) {
		for _, rule := range c.index.rules[host.String()] {
			fmt.Fprintf(&key, "%d,", rule)
			q.add(rule, host, true)
		}
		fmt.Fprintf(&key, "%d;", host.Specificity())
	}
	q.addDefaults()
	cells, known := c.cells[key.String()]
	if !known {
		cells = q.cells()
		c.cells[key.String()] = cells
	}
	for _, cell := range cells {
		cell.example.ServerName = name
		c.report(cell)
	}
}

func (c *comparer) report(found cell) {
	r := found.example
	label, known := c.labels[r.ServerName]
	if !known {
		label = c.label(c.index.matching(r.ServerName))
		c.labels[r.ServerName] = label
	}
	change := Change{
		Host: label, Principal: found.principal, Port: found.port, Example: r,
		Old: c.policies[0].Decide(r), New: c.policies[1].Decide(r),
	}
	key := fmt.Sprintf("%s %s %s %v %v %d %d %v", change.Host, change.Principal, change.Port, change.Old.Action, change.New.Action, change.Old.Port, change.New.Port, change.New.CloseOnRevoke)
	if !c.reported[key] {
		c.reported[key] = true
		c.Changes = append(c.Changes, change)
	}
}
