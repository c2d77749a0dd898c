package analysis

import (
	"slices"
	"strings"
	"time"

	"wildcard-egress/filter/policy/document"
)

func (c *comparer) compare() {
	hosts, changed := c.candidates()
	c.limit()
	for i, host := range hosts {
		if c.Progress != nil {
			c.Progress(i, len(hosts))
		}
		now := time.Now()
		late := len(c.Changes) >= maxChanges || now.After(c.deadline)
		tooLate := late && now.After(c.deadline.Add(c.Limit/10))
		switch {
		case !c.whole(host):
		case tooLate:
			c.undecided(Undecided{Host: host.String()})
		case i >= changed && (!late || c.touched == nil) && !c.concerned(host):
		case late:
			c.undecided(Undecided{Host: host.String()})
		default:
			c.compareUnder(host)
		}
	}
	for _, host := range c.left {
		c.undecided(Undecided{Host: host.String()})
	}
	c.MoreUndecided += c.more
	if c.all {
		name, v := c.nameOf([]string{everything}, func(document.Pattern) bool { return true })
		c.compareFound(name, v, otherWord)
	}
	slices.SortStableFunc(c.Changes, func(a, b Change) int { return strings.Compare(a.Host, b.Host) })
}

// candidates are the hosts that may be concerned, in the order of the rules: where
// only exact names changed, those alone. The changed ones come first, in case there
// is no time for all.
func (c *comparer) candidates() (hosts []document.Pattern, changed int) {
	exact := !c.all
	var others []document.Pattern
	for i, r := range c.listed {
		for _, host := range r.Hosts {
			switch {
			case c.index.hosts[host.String()].first != i: // it was listed before
			case c.changed[host.String()]:
				hosts = append(hosts, host)
				exact = exact && host.Kind() == document.Exact
			default:
				others = append(others, host)
			}
		}
	}
	if exact {
		others = nil
	}
	return append(hosts, others...), len(hosts)
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
		for _, rule := range c.index.rules(host) {
			if r := &c.rules[rule]; r.Action == document.Allow {
				allowing[r.side] = append(allowing[r.side], r)
			}
		}
	}
	for _, host := range changed {
		for _, rule := range c.index.rules(host) {
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
	if any, ok := c.index.hosts["*"]; ok && !hasDot(host) && (x == c.near || c.changed["*"]) {
		near = append(near, any.Pattern)
	}
	return slices.DeleteFunc(near, func(other document.Pattern) bool {
		above := strings.HasSuffix("."+host.Domain(), "."+other.Domain())
		below := strings.HasSuffix("."+other.Domain(), "."+host.Domain())
		return other.Kind() == document.Wildcard && above || host.Kind() == document.Wildcard && below
	})
}
