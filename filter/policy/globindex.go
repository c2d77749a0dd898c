package policy

import (
	"cmp"
	"slices"
	"sort"
	"strings"
)

// indexedGlob is a glob with the rules that have it.
type indexedGlob struct {
	glob
	set         setID
	specificity int
}

// globIndex has the globs of one domain, grouped by their prefixes. It finds
// those whose literal ends fit without looking at the others.
type globIndex struct {
	groups  []globGroup // in the order of prefixes
	shorter []int       // for each group, the longest other prefix that begins its own
}

// globGroup has the globs with one prefix.
type globGroup struct {
	prefix  string
	globs   []indexedGlob // in the order of tails, read from the end
	shorter []int         // for each glob, the longest earlier tail that ends its own
}

func newGlobIndex(globs []indexedGlob) globIndex {
	slices.SortFunc(globs, func(a, b indexedGlob) int {
		return cmp.Or(cmp.Compare(a.prefix, b.prefix), compareFromEnd(a.tail, b.tail))
	})
	var x globIndex
	for len(globs) > 0 {
		prefix := globs[0].prefix
		n := sort.Search(len(globs), func(i int) bool { return globs[i].prefix > prefix })
		group := globGroup{prefix: prefix, globs: globs[:n:n]}
		group.shorter = links(n, func(i, j int) bool { return strings.HasSuffix(group.globs[j].tail, group.globs[i].tail) })
		x.groups = append(x.groups, group)
		globs = globs[n:]
	}
	x.shorter = links(len(x.groups), func(i, j int) bool { return strings.HasPrefix(x.groups[j].prefix, x.groups[i].prefix) })
	return x
}

// links returns for each of n sorted strings the nearest earlier one that
// begins it, or -1. All strings that begin a given one are then reached from
// the place where it would be sorted in.
func links(n int, begins func(i, j int) bool) []int {
	links := make([]int, n)
	for j := range n {
		i := j - 1
		for i >= 0 && !begins(i, j) {
			i = links[i]
		}
		links[j] = i
	}
	return links
}

// walk shows m the rules whose globs match head.
func (x *globIndex) walk(head string, m *match) {
	after := sort.Search(len(x.groups), func(i int) bool { return x.groups[i].prefix > head })
	for i := after - 1; i >= 0; i = x.shorter[i] {
		if rest, ok := strings.CutPrefix(head, x.groups[i].prefix); ok {
			x.groups[i].walk(rest, m)
		}
	}
}

// walk shows m the rules whose globs match what follows the prefix.
func (x *globGroup) walk(rest string, m *match) {
	after := sort.Search(len(x.globs), func(i int) bool { return compareFromEnd(x.globs[i].tail, rest) > 0 })
	for i := after - 1; i >= 0; i = x.shorter[i] {
		if g := &x.globs[i]; g.matchesAfterPrefix(rest) {
			m.consider(g.set, g.specificity)
		}
	}
}

// compareFromEnd compares two strings read backwards.
func compareFromEnd(a, b string) int {
	for i := 1; i <= len(a) && i <= len(b); i++ {
		if c := cmp.Compare(a[len(a)-i], b[len(b)-i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}
