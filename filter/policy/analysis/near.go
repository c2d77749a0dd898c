package analysis

import (
	"slices"
	"sort"
	"strings"

	"wildcard-egress/filter/policy/document"
	"wildcard-egress/filter/policy/glob"
)

// nearIndex finds the globs and wildcards that can match a name which another
// one matches, by their literal ends.
type nearIndex struct {
	byPrefix, byTail []end // each in the order of its text; tails are reversed
}

// end is a literal end of a glob without braces.
type end struct {
	text    string
	plain   string // the whole glob
	pattern document.Pattern
}

func newNearIndex(patterns []document.Pattern) *nearIndex {
	x := &nearIndex{}
	for _, p := range patterns {
		if p.Kind() != document.Glob && p.Kind() != document.Wildcard {
			continue
		}
		for _, plain := range plainHosts(p) {
			prefix, _, tail := glob.SplitLiterals(plain)
			x.byPrefix = append(x.byPrefix, end{prefix, plain, p})
			x.byTail = append(x.byTail, end{reversed(tail), plain, p})
		}
	}
	for _, ends := range [][]end{x.byPrefix, x.byTail} {
		slices.SortFunc(ends, func(a, b end) int { return strings.Compare(a.text, b.text) })
	}
	return x
}

func reversed(text string) string {
	b := []byte(text)
	slices.Reverse(b)
	return string(b)
}

// of returns the other patterns whose literal ends fit those of p.
func (x *nearIndex) of(p document.Pattern) (near []document.Pattern) {
	seen := map[document.Pattern]bool{p: true}
	for _, plain := range plainHosts(p) {
		prefix, _, tail := glob.SplitLiterals(plain)
		few := fitting(x.byPrefix, prefix)
		if other := fitting(x.byTail, reversed(tail)); count(other) < count(few) {
			few = other
		}
		for _, ends := range few {
			for _, e := range ends {
				if !seen[e.pattern] && fits(plain, e.plain) && labelsFit(plain, e.plain) && labelsFit(e.plain, plain) {
					seen[e.pattern] = true
					near = append(near, e.pattern)
				}
			}
		}
	}
	slices.SortFunc(near, comparePatterns)
	return near
}

// fitting returns the runs of ends of which one begins the other and text.
func fitting(ends []end, text string) (runs [][]end) {
	for size := range len(text) {
		if run := equal(ends, text[:size]); len(run) > 0 {
			runs = append(runs, run)
		}
	}
	from := sort.Search(len(ends), func(i int) bool { return ends[i].text >= text })
	to := from + sort.Search(len(ends)-from, func(i int) bool { return !strings.HasPrefix(ends[from+i].text, text) })
	return append(runs, ends[from:to])
}

func equal(ends []end, text string) []end {
	from := sort.Search(len(ends), func(i int) bool { return ends[i].text >= text })
	to := from + sort.Search(len(ends)-from, func(i int) bool { return ends[from+i].text > text })
	return ends[from:to]
}

func count(runs [][]end) (n int) {
	for _, run := range runs {
		n += len(run)
	}
	return n
}

// labelsFit reports whether some name of wide can have as few labels as each
// name of narrow, if those are of one number.
func labelsFit(wide, narrow string) bool {
	return strings.Contains(narrow, "[") || strings.Contains(narrow, "**") || strings.Count(wide, ".") <= strings.Count(narrow, ".")
}

func comparePatterns(a, b document.Pattern) int { return strings.Compare(a.String(), b.String()) }
