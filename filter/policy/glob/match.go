// Package glob has the globs of host names and of principals: their syntax,
// which is that of gobwas/glob, and a matcher that takes linear time whatever
// the peer sends. match.go and automaton.go run for each connection, syntax.go
// when a policy is loaded.
package glob

import "strings"

// Glob is one glob without braces, split at its first and last wildcard so
// that its literal ends can be compared and indexed as plain strings.
type Glob struct {
	Prefix, Tail string     // without wildcards
	middle       *automaton // nil: the whole glob is prefix, literally
}

// Matches reports whether g matches the whole of s.
func (g *Glob) Matches(s string) bool {
	rest, ok := strings.CutPrefix(s, g.Prefix)
	if !ok {
		return false
	}
	between, ok := strings.CutSuffix(rest, g.Tail)
	return ok && g.MatchesBetween(between)
}

// MatchesBetween reports whether g matches with this between its literal ends.
func (g *Glob) MatchesBetween(between string) bool {
	if g.middle == nil {
		return between == ""
	}
	return g.middle.matches(between)
}

// Literal returns the longest text without wildcards that every match has
// between the literal ends; it may be empty.
func (g *Glob) Literal() string {
	if g.middle == nil {
		return ""
	}
	return g.middle.literal
}

// MatchesAny reports whether one of the globs matches the whole of s.
func MatchesAny(globs []Glob, s string) bool {
	for i := range globs {
		if globs[i].Matches(s) {
			return true
		}
	}
	return false
}

// Automata are those that globs share.
type Automata map[string]*automaton

// Compile compiles a glob that Fault passed. Globs share what lies
// between their literal ends through automata, if given.
func Compile(text string, separator byte, automata Automata) []Glob {
	variants := Expand(text, separator)
	globs := make([]Glob, len(variants))
	for i, variant := range variants {
		prefix, middle, tail := SplitLiterals(variant)
		globs[i] = Glob{Prefix: prefix, Tail: tail}
		if middle == "" {
			continue
		}
		key := string(separator) + middle
		if globs[i].middle = automata[key]; globs[i].middle != nil {
			continue
		}
		globs[i].middle = newAutomaton(middle, separator)
		if automata != nil {
			automata[key] = globs[i].middle
		}
	}
	return globs
}

// SplitLiterals cuts a glob without braces at its first and last wildcard.
func SplitLiterals(variant string) (prefix, middle, tail string) {
	first := strings.IndexAny(variant, "*?[")
	if first < 0 {
		return variant, "", ""
	}
	last := strings.LastIndexAny(variant, "*?]") + 1
	return variant[:first], variant[first:last], variant[last:]
}
