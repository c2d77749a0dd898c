package analysis

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/document"
)

// Change is a decision that two policies make differently: another action, or
// another upstream port.
type Change struct {
	Host      string         // the narrowest host that matches, "a and b" where two overlap, "other" if none does
	Principal string         // a principal of the rules, "any", "unknown" or "other"
	Port      string         // a port of the rules, "unknown" or "other"
	Example   policy.Request // one that is decided so
	Old, New  policy.Decision
}

// Comparison is the difference of two policies.
type Comparison struct {
	Changes []Change // in the order of hosts, principals and ports
	// Incomplete has the hosts that overlap with too many globs to try all
	// combinations; decisions about them may differ beyond Changes.
	Incomplete []string
}

// The words of Change for what no rule lists.
const (
	anyWord     = "any"
	unknownWord = "unknown"
	otherWord   = "other"
)

// Compare finds every host, principal and port for which two policies decide
// differently. Each set of hosts that match names together is tried with an
// example, and so are principals and ports, also those that are not listed.
func Compare(old, new *document.Document) Comparison {
	rules := slices.Concat(old.Rules, new.Rules)
	index := newHostIndex(rules)
	c := comparer{
		old: policy.Compile(old), new: policy.Compile(new), rules: rules, index: index,
		changed: changedHosts(index, rules, len(old.Rules)),
		all:     old.Defaults.Mode != new.Defaults.Mode,
		tried:   map[string]bool{}, principals: map[string][]labelled{}, budget: maxVisitsInAll,
	}
	c.compare(newExampleFinder(index))
	return c.Comparison
}

// changedHosts returns the hosts whose rules differ in old, the first so many
// rules, and new.
func changedHosts(index *hostIndex, rules []document.Rule, old int) map[string]bool {
	prints := make([]string, len(rules))
	for i, r := range rules {
		prints[i] = fmt.Sprintf("%q %v %v %v %q", r.Name, r.Action, r.Mode, r.Ports, r.Principals)
	}
	changed := map[string]bool{}
	for host, with := range index.rules {
		var before, after []string
		for _, rule := range with {
			if rule < old {
				before = append(before, prints[rule])
			} else {
				after = append(after, prints[rule])
			}
		}
		slices.Sort(before)
		slices.Sort(after)
		if !slices.Equal(before, after) {
			changed[host] = true
		}
	}
	return changed
}

type comparer struct {
	Comparison
	old, new   *policy.Policy
	rules      []document.Rule
	index      *hostIndex
	changed    map[string]bool
	all        bool                  // what no rule allows is decided differently
	tried      map[string]bool       // sets of hosts
	principals map[string][]labelled // by the principals that the rules list
	budget     int                   // of all searches for principals
}

func (c *comparer) compare(finder *exampleFinder) {
	hosts := make([]document.Pattern, 0, len(c.index.patterns))
	for _, host := range c.index.patterns {
		hosts = append(hosts, host)
	}
	slices.SortFunc(hosts, comparePatterns)
	for _, host := range hosts {
		if !c.concerned(finder, host) {
			continue
		}
		names, complete := finder.examples(host)
		if !complete {
			c.Incomplete = append(c.Incomplete, host.String())
		}
		for _, name := range names {
			c.try(name)
		}
	}
	if c.all {
		c.try("any-other") // which not even "*" matches
	}
}

// concerned reports whether a change of rules can be about names of host.
func (c *comparer) concerned(finder *exampleFinder, host document.Pattern) bool {
	changed := func(other document.Pattern) bool { return c.changed[other.String()] }
	if c.all || changed(host) || slices.ContainsFunc(c.index.covering(host), changed) {
		return true
	}
	if host.Kind() == document.Exact {
		return false
	}
	return slices.ContainsFunc(finder.globsNear(host), changed)
}

// try compares the decisions about one name for all principals and ports.
func (c *comparer) try(name string) {
	hosts := c.index.matching(name)
	key := ""
	var rules []document.Rule
	for _, host := range hosts {
		key += host.String() + " "
		for _, rule := range c.index.rules[host.String()] {
			rules = append(rules, c.rules[rule])
		}
	}
	if c.tried[key] {
		return
	}
	c.tried[key] = true
	for _, principal := range c.principalsOf(rules) {
		for _, port := range portsOf(rules) {
			r := policy.Request{ServerName: name, Principal: principal.value, Port: port.value}
			before, after := c.old.Decide(r), c.new.Decide(r)
			if before.Action != after.Action || before.Port != after.Port {
				c.Changes = append(c.Changes, Change{
					Host: c.label(hosts), Principal: principal.label, Port: port.label, Example: r, Old: before, New: after,
				})
			}
		}
	}
}

// label names the hosts that match a name together, but for those that are
// there because a narrower one is.
func (c *comparer) label(hosts []document.Pattern) string {
	narrow := map[string]bool{}
	for _, host := range hosts {
		narrow[host.String()] = true
	}
	for _, host := range hosts {
		for _, wider := range c.index.covering(host) {
			if wider != host {
				delete(narrow, wider.String())
			}
		}
	}
	if len(narrow) == 0 {
		return otherWord
	}
	return strings.Join(slices.Sorted(maps.Keys(narrow)), " and ")
}
