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
	return ok && g.matchesAfterPrefix(rest)
}

func (g *glob) matchesAfterPrefix(rest string) bool {
	if g.middle == nil {
		return rest == ""
	}
	between, ok := strings.CutSuffix(rest, g.tail)
	return ok && g.middle.matches(between)
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

// maxAtoms is one less than the states that a word has bits for.
const maxAtoms = 63

// automaton matches a glob without braces by simulating all its positions at
// once, one bit each: one step per byte, whatever the bytes are. Backtracking
// matchers can be led astray by a name that was made for it.
type automaton struct {
	// step[s] has the positions that symbol s moves on by one.
	step [symbols]uint64
	// stay has the positions of stars: of "**" alone at a separator.
	stay, stayAtSeparator uint64
	accept                uint64
	separator             byte
}

func (a *automaton) matches(s string) bool {
	positions := uint64(1)
	positions |= positions & a.stay << 1
	for i := range len(s) {
		stay := a.stay
		if s[i] == a.separator {
			stay = a.stayAtSeparator
		}
		positions = positions&a.step[symbolOf[s[i]]]<<1 | positions&stay
		// A star also matches nothing. No two stars are neighbours, so one
		// shift reaches everything.
		positions |= positions & a.stay << 1
	}
	return positions&a.accept != 0
}

// newAutomaton compiles a glob without braces, of at most maxAtoms atoms.
func newAutomaton(text string, separator byte) *automaton {
	a := &automaton{separator: separator}
	n := 0
	for atom, rest := nextAtom(text); atom != ""; atom, rest = nextAtom(rest) {
		position := uint64(1) << n
		n++
		switch atom[0] {
		case '*':
			a.stay |= position
			if strings.Contains(atom, "**") {
				a.stayAtSeparator |= position
			}
		default:
			for c := range 256 {
				if atomAccepts(atom, byte(c), separator) {
					a.step[symbolOf[c]] |= position
				}
			}
		}
	}
	a.accept = 1 << n
	return a
}

func countAtoms(text string) int {
	n := 0
	for atom, rest := nextAtom(text); atom != ""; atom, rest = nextAtom(rest) {
		n++
	}
	return n
}

// nextAtom cuts the first atom off: a run of stars, a class or one character.
func nextAtom(text string) (atom, rest string) {
	end := min(len(text), 1)
	switch {
	case strings.HasPrefix(text, "*"):
		end = len(text) - len(strings.TrimLeft(text, "*"))
	case strings.HasPrefix(text, "["):
		end = strings.IndexByte(text, ']') + 1
	}
	return text[:end], text[end:]
}

// atomAccepts reports whether an atom that is no star accepts c.
func atomAccepts(atom string, c, separator byte) bool {
	if atom == "?" {
		return c != separator
	}
	class, ok := strings.CutPrefix(atom, "[")
	if !ok {
		return c == atom[0]
	}
	class, not := strings.CutPrefix(class[:len(class)-1], "!")
	if len(class) == 3 && class[1] == '-' {
		return (class[0] <= c && c <= class[2]) != not
	}
	return (strings.IndexByte(class, c) >= 0) != not
}

// symbolBytes are the bytes that can stand for themselves in a host pattern
// or a principal; all other bytes are one symbol, 0, to keep automata small.
const symbolBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:"

const symbols = len(symbolBytes) + 1

var symbolOf = func() (table [256]uint8) {
	for i := range len(symbolBytes) {
		table[symbolBytes[i]] = uint8(i + 1)
	}
	return table
}()
