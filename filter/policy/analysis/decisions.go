package analysis

import (
	"fmt"
	"strings"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/document"
)

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
			for _, rule := range c.index.rules(other) {
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
		for _, rule := range c.index.rules(host) {
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
	key := fmt.Sprintf("%s %s %s %v %v %d %d %v %v %v", change.Host, change.Principal, change.Port, change.Old.Action, change.New.Action,
		change.Old.Port, change.New.Port, change.New.CloseOnRevoke, limitsOf(change.Old.Limits), limitsOf(change.New.Limits))
	if !c.reported[key] {
		c.reported[key] = true
		c.Changes = append(c.Changes, change)
	}
}
