package policy

import (
	"slices"
	"strconv"
	"strings"
)

// exampleFinder finds server names that stand for all names that the same
// hosts of two policies match.
type exampleFinder struct {
	index  *hostIndex
	listed []string // the exact hosts, sorted
	// below has the globs and the wildcards by their domain and every domain
	// above it, "" included.
	globsBelow, wildcardsBelow map[string][]Pattern
	budget                     int // of all searches
}

func newExampleFinder(index *hostIndex) *exampleFinder {
	f := &exampleFinder{index: index, budget: maxVisitsInAll, globsBelow: map[string][]Pattern{}, wildcardsBelow: map[string][]Pattern{}}
	for _, host := range index.patterns {
		switch host.kind {
		case Exact:
			f.listed = append(f.listed, host.text)
		case Wildcard:
			fileBelow(f.wildcardsBelow, host)
		case Glob:
			fileBelow(f.globsBelow, host)
		}
	}
	slices.Sort(f.listed)
	return f
}

func fileBelow(below map[string][]Pattern, host Pattern) {
	for domain := host.domain; domain != ""; _, domain, _ = strings.Cut(domain, ".") {
		below[domain] = append(below[domain], host)
	}
	below[""] = append(below[""], host)
}

// maxOverlaps bounds the hosts that are told apart within one.
const maxOverlaps = 40

// examples returns a name for each set of hosts that match names together
// with host, names of exact hosts aside, and whether it found all. A host
// that only wider ones overlap has one.
func (f *exampleFinder) examples(host Pattern) (names []string, complete bool) {
	if host.kind == Exact {
		return []string{host.text}, true
	}
	globs := f.globsNear(host)
	if host.kind != Glob && len(globs) == 0 {
		return []string{f.fresh(host)}, true
	}
	others := append(globs, f.wildcardsNear(host, globs)...)
	search := overlaps{
		separator: '.', alphabet: "abcdefghijklmnopqrstuvwxyz0123456789-_.", longest: maxNameBytes, listed: f.listed,
		follows: func(last, next byte) bool {
			return next != '-' && next != '.' || last != '.' && (last != '-' || next == '-')
		},
		whole:  func(name string) bool { return nameFault(name) == "" },
		within: atomsOf(host.plainGlobs()),
		budget: &f.budget,
	}
	for _, other := range others[:min(len(others), maxOverlaps)] {
		search.others = append(search.others, atomsOf(other.plainGlobs()))
	}
	names, complete = search.examples()
	return names, complete && len(others) <= maxOverlaps
}

// plainGlobs returns globs without braces that together match what p does.
func (p Pattern) plainGlobs() []string {
	switch p.kind {
	case Exact:
		return []string{p.text}
	case Wildcard:
		return []string{"**." + p.domain}
	case Any:
		return []string{"**.**"}
	}
	e := expander{text: p.head(), separator: '.', literal: func(byte) bool { return true }}
	globs := e.sequence(0)
	for i := range globs {
		globs[i] += "." + p.domain
	}
	return globs
}

// fresh returns a name that a wildcard or "*" matches and no narrower host.
func (f *exampleFinder) fresh(host Pattern) string {
	domain := host.domain
	if host.kind == Any {
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
func (f *exampleFinder) globsNear(host Pattern) []Pattern {
	near := slices.Clone(f.globsBelow[host.domain])
	for above := host.domain; above != ""; {
		if _, above, _ = strings.Cut(above, "."); above != "" {
			near = append(near, f.index.globs[above]...)
		}
	}
	near = slices.DeleteFunc(near, func(other Pattern) bool { return other == host || !endsFit(host, other) })
	slices.SortFunc(near, Pattern.compare)
	return near
}

// wildcardsNear returns the wildcards inside of host that can match a name
// that one of the globs matches, or host itself if it is a glob.
func (f *exampleFinder) wildcardsNear(host Pattern, globs []Pattern) []Pattern {
	if host.kind == Glob {
		globs = append(slices.Clone(globs), host)
	}
	near := slices.DeleteFunc(slices.Clone(f.wildcardsBelow[host.domain]), func(other Pattern) bool {
		return other.domain == host.domain || !slices.ContainsFunc(globs, func(glob Pattern) bool { return endsFit(glob, other) })
	})
	slices.SortFunc(near, Pattern.compare)
	return near
}

// endsFit reports whether the literal ends and the labels of two hosts allow
// that both match the same name.
func endsFit(a, b Pattern) bool {
	for _, x := range a.plainGlobs() {
		for _, y := range b.plainGlobs() {
			xPrefix, _, xTail := splitLiterals(x)
			yPrefix, _, yTail := splitLiterals(y)
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

func (p Pattern) compare(other Pattern) int { return strings.Compare(p.text, other.text) }
