package policy

import (
	"cmp"
	"slices"
	"strings"
)

// hostIndex finds the rules by their hosts, for the tools that explain and
// compare policies. Rules are known by their place in the list it was made of.
type hostIndex struct {
	patterns map[string]Pattern   // by text
	rules    map[string][]int     // by the text of a host
	globs    map[string][]Pattern // by domain
}

func newHostIndex(rules []Rule) *hostIndex {
	x := &hostIndex{patterns: map[string]Pattern{}, rules: map[string][]int{}, globs: map[string][]Pattern{}}
	for i, r := range rules {
		for _, host := range r.Hosts {
			if _, ok := x.patterns[host.text]; !ok && host.kind == Glob {
				x.globs[host.domain] = append(x.globs[host.domain], host)
			}
			x.patterns[host.text] = host
			x.rules[host.text] = append(x.rules[host.text], i)
		}
	}
	return x
}

// covering returns the hosts that are at least as wide as p, p itself
// included if it is one, the most specific first. A glob is known to be wider
// than an exact name only.
func (x *hostIndex) covering(p Pattern) []Pattern {
	var found []Pattern
	add := func(text string) {
		if host, ok := x.patterns[text]; ok {
			found = append(found, host)
		}
	}
	add(p.text)
	above := p.domain
	if p.kind == Exact {
		_, above, _ = strings.Cut(p.domain, ".")
	}
	for above != "" {
		if text := "*." + above; text != p.text {
			add(text)
		}
		for _, glob := range x.globs[above] {
			if p.kind == Exact && glob.Matches(p.text) {
				found = append(found, glob)
			}
		}
		_, above, _ = strings.Cut(above, ".")
	}
	if p.kind != Any && (p.kind != Exact || strings.Contains(p.text, ".")) {
		add("*")
	}
	slices.SortStableFunc(found, func(a, b Pattern) int {
		return cmp.Or(cmp.Compare(b.specificity(), a.specificity()), cmp.Compare(a.text, b.text))
	})
	return found
}

// matching returns the hosts that match a name, the most specific first.
func (x *hostIndex) matching(name string) []Pattern {
	return x.covering(Pattern{text: name, domain: name, kind: Exact})
}
