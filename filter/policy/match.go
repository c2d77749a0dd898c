package policy

import "strings"

// glob is one glob without braces, split at its first and last wildcard so
// that its literal ends can be compared and indexed as plain strings.
type glob struct {
	prefix, tail string
	middle       *automaton // nil: the whole glob is prefix, literally
}

// matches reports whether g matches the whole of s.
func (g *glob) matches(s string) bool {
	rest, ok := strings.CutPrefix(s, g.prefix)
	if !ok {
		return false
	}
	between, ok := strings.CutSuffix(rest, g.tail)
	return ok && g.matchesBetween(between)
}

// matchesBetween reports whether g matches with this between its literal ends.
func (g *glob) matchesBetween(between string) bool {
	if g.middle == nil {
		return between == ""
	}
	return g.middle.matches(between)
}

func matchesAny(globs []glob, s string) bool {
	for i := range globs {
		if globs[i].matches(s) {
			return true
		}
	}
	return false
}

// compileGlob compiles a glob that globFault passed. Globs share what lies
// between their literal ends through automata, if given.
func compileGlob(text string, separator byte, automata map[string]*automaton) []glob {
	e := expander{text: text, separator: separator, literal: func(byte) bool { return true }}
	variants := e.sequence(0)
	globs := make([]glob, len(variants))
	for i, variant := range variants {
		prefix, middle, tail := splitLiterals(variant)
		globs[i] = glob{prefix: prefix, tail: tail}
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

// splitLiterals cuts a glob without braces at its first and last wildcard.
func splitLiterals(variant string) (prefix, middle, tail string) {
	first := strings.IndexAny(variant, "*?[")
	if first < 0 {
		return variant, "", ""
	}
	last := strings.LastIndexAny(variant, "*?]") + 1
	return variant[:first], variant[first:last], variant[last:]
}
