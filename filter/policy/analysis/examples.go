package analysis

import (
	"slices"
	"strconv"
	"strings"

	"wildcard-egress/filter/policy/document"
	"wildcard-egress/filter/policy/glob"
	"wildcard-egress/filter/policy/servername"
)

// exampleFinder finds server names that stand for all names that the same
// hosts of two policies match.
type exampleFinder struct {
	index  *hostIndex
	listed []string // the exact hosts, sorted
	// below has the globs and the wildcards by their domain and every domain
	// above it, "" included.
	globsBelow, wildcardsBelow map[string][]document.Pattern
	budget                     int // of all searches
}

func newExampleFinder(index *hostIndex) *exampleFinder {
	f := &exampleFinder{index: index, budget: maxVisitsInAll, globsBelow: map[string][]document.Pattern{}, wildcardsBelow: map[string][]document.Pattern{}}
	for _, host := range index.patterns {
		switch host.Kind() {
		case document.Exact:
			f.listed = append(f.listed, host.String())
		case document.Wildcard:
			fileBelow(f.wildcardsBelow, host)
		case document.Glob:
			fileBelow(f.globsBelow, host)
		}
	}
	slices.Sort(f.listed)
	return f
}

func fileBelow(below map[string][]document.Pattern, host document.Pattern) {
	for domain := host.Domain(); domain != ""; _, domain, _ = strings.Cut(domain, ".") {
		below[domain] = append(below[domain], host)
	}
	below[""] = append(below[""], host)
}

// maxOverlaps bounds the hosts that are told apart within one.
const maxOverlaps = 40

// examples returns a name for each set of hosts that match names together
// with host, names of exact hosts aside, and whether it found all. A host
// that only wider ones overlap has one.
func (f *exampleFinder) examples(host document.Pattern) (names []string, complete bool) {
	if host.Kind() == document.Exact {
		return []string{host.String()}, true
	}
	globs := f.globsNear(host)
	if host.Kind() != document.Glob && len(globs) == 0 {
		return []string{f.fresh(host)}, true
	}
	others := append(globs, f.wildcardsNear(host, globs)...)
	search := overlaps{
		separator: '.', alphabet: "abcdefghijklmnopqrstuvwxyz0123456789-_.", longest: servername.MaxBytes, listed: f.listed,
		follows: func(last, next byte) bool {
			return next != '-' && next != '.' || last != '.' && (last != '-' || next == '-')
		},
		whole:  func(name string) bool { return servername.Fault(name) == "" },
		within: atomsOf(plainGlobs(host)),
		budget: &f.budget,
	}
	for _, other := range others[:min(len(others), maxOverlaps)] {
		search.others = append(search.others, atomsOf(plainGlobs(other)))
	}
	names, complete = search.examples()
	return names, complete && len(others) <= maxOverlaps
}

// plainGlobs returns globs without braces that together match what p does.
func plainGlobs(p document.Pattern) []string {
	switch p.Kind() {
	case document.Exact:
		return []string{p.String()}
	case document.Wildcard:
		return []string{"**." + p.Domain()}
	case document.Any:
		return []string{"**.**"}
	}
	globs := glob.Expand(p.Head(), '.')
	for i := range globs {
		globs[i] += "." + p.Domain()
	}
	return globs
}

// fresh returns a name that a wildcard or "*" matches and no narrower host.
func (f *exampleFinder) fresh(host document.Pattern) string {
	domain := host.Domain()
	if host.Kind() == document.Any {
		domain = "any-other"
	}
	for i := 0; ; i++ {
		name := strings.Repeat("x", 1+i/36) + strconv.FormatInt(int64(i%36), 36) + "." + domain
		if f.index.matching(name)[0] == host {
			return name
		}
	}
}

// globsNear returns the other globs that can match a name that host matches.
func (f *exampleFinder) globsNear(host document.Pattern) []document.Pattern {
	near := slices.Clone(f.globsBelow[host.Domain()])
	for above := host.Domain(); above != ""; {
		if _, above, _ = strings.Cut(above, "."); above != "" {
			near = append(near, f.index.globs[above]...)
		}
	}
	near = slices.DeleteFunc(near, func(other document.Pattern) bool { return other == host || !endsFit(host, other) })
	slices.SortFunc(near, comparePatterns)
	return near
}

// wildcardsNear returns the wildcards inside of host that can match a name
// that one of the globs matches, or host itself if it is a glob.
func (f *exampleFinder) wildcardsNear(host document.Pattern, globs []document.Pattern) []document.Pattern {
	if host.Kind() == document.Glob {
		globs = append(slices.Clone(globs), host)
	}
	near := slices.DeleteFunc(slices.Clone(f.wildcardsBelow[host.Domain()]), func(other document.Pattern) bool {
		return other.Domain() == host.Domain() || !slices.ContainsFunc(globs, func(glob document.Pattern) bool { return endsFit(glob, other) })
	})
	slices.SortFunc(near, comparePatterns)
	return near
}

// endsFit reports whether the literal ends and the labels of two hosts allow
// that both match the same name.
func endsFit(a, b document.Pattern) bool {
	for _, x := range plainGlobs(a) {
		for _, y := range plainGlobs(b) {
			xPrefix, _, xTail := glob.SplitLiterals(x)
			yPrefix, _, yTail := glob.SplitLiterals(y)
			begins := strings.HasPrefix(xPrefix, yPrefix) || strings.HasPrefix(yPrefix, xPrefix)
			ends := strings.HasSuffix(xTail, yTail) || strings.HasSuffix(yTail, xTail)
			if begins && ends && labelsFit(x, y) && labelsFit(y, x) {
				return true
			}
		}
	}
	return false
}

// labelsFit reports whether some name of wide can have as few labels as each
// name of narrow, if those are of one number.
func labelsFit(wide, narrow string) bool {
	return strings.ContainsAny(narrow, "[") || strings.Contains(narrow, "**") || strings.Count(wide, ".") <= strings.Count(narrow, ".")
}

func comparePatterns(a, b document.Pattern) int { return strings.Compare(a.String(), b.String()) }
