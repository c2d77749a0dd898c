package policy

import (
	"cmp"
	"slices"
	"sort"
	"strings"

	"wildcard-egress/filter/policy/glob"
)

// indexedGlob is a glob with the rules that have it.
type indexedGlob struct {
	glob.Glob
	set         setID
	specificity int
}

// globIndex has the globs of one domain, grouped by their prefixes and then
// by their tails. It finds those whose literal parts fit without looking at
// the others.
type globIndex struct {
	groups  []prefixGroup // in the order of prefixes
	shorter []int         // for each group, the longest other prefix that begins its own
}

// prefixGroup has the globs with one prefix.
type prefixGroup struct {
	prefix  string
	groups  []tailGroup // in the order of tails, read from the end
	shorter []int       // for each group, the longest other tail that ends its own
}

// tailGroup has the globs with one prefix and one tail.
type tailGroup struct {
	tail  string
	globs []indexedGlob // tried one by one
	// inner has the other globs, if there are many, by a literal that lies
	// between their wildcards; sizes has the lengths of these literals.
	inner map[string][]indexedGlob
	sizes []int
}

func newGlobIndex(globs []indexedGlob) globIndex {
	slices.SortFunc(globs, func(a, b indexedGlob) int {
		return cmp.Or(cmp.Compare(a.Prefix, b.Prefix), compareFromEnd(a.Tail, b.Tail))
	})
	var x globIndex
	for run := range runs(globs, func(g indexedGlob) string { return g.Prefix }) {
		group := prefixGroup{prefix: run[0].Prefix}
		for run := range runs(run, func(g indexedGlob) string { return g.Tail }) {
			group.groups = append(group.groups, newTailGroup(run))
		}
		group.shorter = links(len(group.groups), func(i, j int) bool {
			return strings.HasSuffix(group.groups[j].tail, group.groups[i].tail)
		})
		x.groups = append(x.groups, group)
	}
	x.shorter = links(len(x.groups), func(i, j int) bool { return strings.HasPrefix(x.groups[j].prefix, x.groups[i].prefix) })
	return x
}

// fewGlobs are tried faster than looked up.
const fewGlobs = 8

func newTailGroup(globs []indexedGlob) tailGroup {
	x := tailGroup{tail: globs[0].Tail}
	if len(globs) <= fewGlobs {
		x.globs = slices.Clip(globs)
		return x
	}
	x.inner = map[string][]indexedGlob{}
	for _, g := range globs {
		inner := g.Literal()
		if inner == "" {
			x.globs = append(x.globs, g)
			continue
		}
		x.inner[inner] = append(x.inner[inner], g)
		if !slices.Contains(x.sizes, len(inner)) {
			x.sizes = append(x.sizes, len(inner))
		}
	}
	return x
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
func (x *prefixGroup) walk(rest string, m *match) {
	after := sort.Search(len(x.groups), func(i int) bool { return compareFromEnd(x.groups[i].tail, rest) > 0 })
	for i := after - 1; i >= 0; i = x.shorter[i] {
		if between, ok := strings.CutSuffix(rest, x.groups[i].tail); ok {
			x.groups[i].walk(between, m)
		}
	}
}

// walk shows m the rules whose globs match what is between prefix and tail.
func (x *tailGroup) walk(between string, m *match) {
	m.try(x.globs, between)
	for _, size := range x.sizes {
		for i := range len(between) - size + 1 {
			m.try(x.inner[between[i:i+size]], between)
		}
	}
}

func (m *match) try(globs []indexedGlob, between string) {
	for i := range globs {
		if g := &globs[i]; g.MatchesBetween(between) {
			m.consider(g.set, g.specificity)
		}
	}
}
