package analysis

import (
	"cmp"
	"slices"
	"strings"

	"wildcard-egress/filter/policy/document"
)

// hostIndex finds the rules by their hosts, for the tools that explain and
// compare policies. Rules are known by their place in the list it was made of.
type hostIndex struct {
	hosts map[string]indexedHost        // by text
	globs map[string][]document.Pattern // by domain
}

// indexedHost is a host and the rules that list it: mostly one of each of two
// policies, or one alone.
type indexedHost struct {
	document.Pattern
	first int
	more  []int
}

func newHostIndex(rules []document.Rule) *hostIndex {
	most := 0
	for _, r := range rules {
		most = max(most, len(r.Hosts))
	}
	x := &hostIndex{hosts: make(map[string]indexedHost, most), globs: map[string][]document.Pattern{}}
	for i, r := range rules {
		for _, host := range r.Hosts {
			known, ok := x.hosts[host.String()]
			switch {
			case ok:
				known.more = append(known.more, i)
			case host.Kind() == document.Glob:
				x.globs[host.Domain()] = append(x.globs[host.Domain()], host)
				fallthrough
			default:
				known = indexedHost{Pattern: host, first: i}
			}
			x.hosts[host.String()] = known
		}
	}
	return x
}

// rules are those that list a host.
func (x *hostIndex) rules(host document.Pattern) []int {
	known, ok := x.hosts[host.String()]
	if !ok {
		return nil
	}
	return append([]int{known.first}, known.more...)
}

// all are the hosts, in no order.
func (x *hostIndex) all() []document.Pattern {
	all := make([]document.Pattern, 0, len(x.hosts))
	for _, host := range x.hosts {
		all = append(all, host.Pattern)
	}
	return all
}

// covering returns the hosts that are at least as wide as p, p itself
// included if it is one, the most specific first. A glob is known to be wider
// than an exact name only.
func (x *hostIndex) covering(p document.Pattern) []document.Pattern {
	var found []document.Pattern
	add := func(text string) {
		if host, ok := x.hosts[text]; ok {
			found = append(found, host.Pattern)
		}
	}
	add(p.String())
	above := p.Domain()
	if p.Kind() == document.Exact {
		_, above, _ = strings.Cut(p.Domain(), ".")
	}
	for above != "" {
		if text := "*." + above; text != p.String() {
			add(text)
		}
		for _, glob := range x.globs[above] {
			if p.Kind() == document.Exact && glob.Matches(p.String()) {
				found = append(found, glob)
			}
		}
		_, above, _ = strings.Cut(above, ".")
	}
	for _, glob := range x.globs[""] {
		if p.Kind() == document.Exact && glob.Matches(p.String()) {
			found = append(found, glob)
		}
	}
	if p.Kind() != document.Any && hasDot(p) {
		add("*")
	}
	slices.SortStableFunc(found, func(a, b document.Pattern) int {
		return cmp.Or(cmp.Compare(b.Specificity(), a.Specificity()), cmp.Compare(a.String(), b.String()))
	})
	return found
}

// hasDot reports whether all names that p matches have one, so that "*" matches
// them.
func hasDot(p document.Pattern) bool {
	if p.Kind() == document.Exact || p.Kind() == document.Glob && p.Domain() == "" {
		return !slices.ContainsFunc(plainHosts(p), func(plain string) bool { return !strings.Contains(plain, ".") })
	}
	return true
}

// matching returns the hosts that match a name, the most specific first.
func (x *hostIndex) matching(name string) []document.Pattern {
	return x.covering(document.ExactPattern(name))
}
