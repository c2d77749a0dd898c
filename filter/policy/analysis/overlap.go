package analysis

import (
	"bytes"
	"slices"
	"sort"
	"strings"

	"wildcard-egress/filter/policy/glob"
)

// overlaps finds one string for each way in which globs can match a string
// together: for each set of globs that has a string which they match and the
// others don't. It walks all globs at once through every string, shortest
// first, and visits each combination of their positions once.
type overlaps struct {
	separator byte
	start     string // what every string begins with
	alphabet  string
	follows   func(last, next byte) bool // whether a string may go on so; last is separator at the start
	whole     func(string) bool          // whether a string that went on so may be an example
	within    []atoms                    // globs without braces: a string matches one of them
	others    [][]atoms                  // the same, for each glob to tell apart
	listed    []string                   // strings that are no examples, sorted
	longest   int                        // in bytes
	budget    *int                       // how many places may still be visited
}

// maxVisits bounds one search: enough for a few dozen globs in a domain. All
// searches of a comparison together may have maxVisitsInAll.
const (
	maxVisits      = 20_000
	maxVisitsInAll = 2_000_000
)

// positions are the places in a glob's atoms that a string can have reached,
// one byte '1' for each.
type positions string

type place struct {
	text   string
	within []positions
	others [][]positions
}

// examples returns the strings, and whether they are all.
func (o *overlaps) examples() (found []string, complete bool) {
	first := place{text: o.start, within: o.after(o.within, o.start)}
	for _, other := range o.others {
		first.others = append(first.others, o.after(other, o.start))
	}
	visited := map[string]bool{}
	seen := map[string]bool{}
	for queue := []place{first}; len(queue) > 0; queue = queue[1:] {
		here := queue[0]
		if signature, ok := o.signature(here); ok && !seen[signature] {
			seen[signature] = true
			found = append(found, here.text)
		}
		for _, c := range []byte(o.alphabet) {
			next, alive := o.step(here, c)
			key := o.key(next)
			if !alive || visited[key] {
				continue
			}
			if len(visited) == maxVisits || *o.budget == 0 {
				return found, false
			}
			*o.budget--
			visited[key] = true
			queue = append(queue, next)
		}
	}
	return found, true
}

// step goes on by one byte; it is alive while a string can still match.
func (o *overlaps) step(p place, c byte) (next place, alive bool) {
	if !o.follows(o.last(p), c) || len(p.text) == o.longest {
		return next, false
	}
	next = place{text: p.text + string(c), within: o.advance(p.within, o.within, c), others: make([][]positions, len(p.others))}
	for i := range p.others {
		next.others[i] = o.advance(p.others[i], o.others[i], c)
	}
	return next, slices.ContainsFunc(next.within, func(p positions) bool { return strings.Contains(string(p), "1") })
}

func (o *overlaps) last(p place) byte {
	if p.text == "" {
		return o.separator
	}
	return p.text[len(p.text)-1]
}

// key is equal for places from which the same strings can follow.
func (o *overlaps) key(p place) string {
	var key strings.Builder
	for _, set := range append(p.others, p.within) {
		for _, position := range set {
			key.WriteString(string(position) + "|")
		}
	}
	if last := o.last(p); last == o.separator || last == '-' { // what follows depends on it
		key.WriteByte(last)
	}
	i := sort.SearchStrings(o.listed, p.text)
	if i < len(o.listed) && strings.HasPrefix(o.listed[i], p.text) {
		key.WriteString("=" + p.text) // must not become a listed string
	}
	return key.String()
}

// signature says which others match p's text, if it is an example.
func (o *overlaps) signature(p place) (string, bool) {
	if !accepts(p.within) || !o.whole(p.text) {
		return "", false
	}
	if _, listed := slices.BinarySearch(o.listed, p.text); listed {
		return "", false
	}
	signature := make([]byte, len(p.others))
	for i, other := range p.others {
		if accepts(other) {
			signature[i] = 1
		}
	}
	return string(signature), true
}

func accepts(set []positions) bool {
	return slices.ContainsFunc(set, func(p positions) bool { return p[len(p)-1] == '1' })
}

func (o *overlaps) after(globs []atoms, text string) []positions {
	set := make([]positions, len(globs))
	for i, text := range globs {
		set[i] = text.closure([]byte("1" + strings.Repeat("0", len(text))))
	}
	for i := range len(text) {
		set = o.advance(set, globs, text[i])
	}
	return set
}

func (o *overlaps) advance(set []positions, globs []atoms, c byte) []positions {
	next := make([]positions, len(set))
	for i, p := range set {
		reached := bytes.Repeat([]byte("0"), len(p))
		for n, atom := range globs[i] {
			switch {
			case p[n] != '1':
			case atom[0] == '*' && (atom != "*" || c != o.separator):
				reached[n] = '1'
			case atom[0] != '*' && glob.AtomAccepts(atom, c, o.separator):
				reached[n+1] = '1'
			}
		}
		next[i] = globs[i].closure(reached)
	}
	return next
}

// atoms are a glob without braces, cut as glob.NextAtom does.
type atoms []string

func atomsOf(globs []string) []atoms {
	split := make([]atoms, len(globs))
	for i, text := range globs {
		for atom, rest := glob.NextAtom(text); atom != ""; atom, rest = glob.NextAtom(rest) {
			split[i] = append(split[i], atom)
		}
	}
	return split
}

// closure adds the places behind stars, which also match nothing.
func (a atoms) closure(reached []byte) positions {
	for n, atom := range a {
		if atom[0] == '*' && reached[n] == '1' {
			reached[n+1] = '1'
		}
	}
	return positions(reached)
}
