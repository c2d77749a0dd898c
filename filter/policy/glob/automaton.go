package glob

import "strings"

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
	literal               string // the longest that every match has in it
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
	a := &automaton{separator: separator, literal: longestLiteral(text)}
	n := 0
	for atom, rest := NextAtom(text); atom != ""; atom, rest = NextAtom(rest) {
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
				if AtomAccepts(atom, byte(c), separator) {
					a.step[symbolOf[c]] |= position
				}
			}
		}
	}
	a.accept = 1 << n
	return a
}

// longestLiteral returns the longest run of characters that a glob without
// braces has between wildcards and classes.
func longestLiteral(text string) (longest string) {
	literal := ""
	for atom, rest := NextAtom(text); atom != ""; atom, rest = NextAtom(rest) {
		if strings.ContainsAny(atom, "*?[") {
			literal = ""
			continue
		}
		if literal += atom; len(literal) > len(longest) {
			longest = literal
		}
	}
	return longest
}

func countAtoms(text string) int {
	n := 0
	for atom, rest := NextAtom(text); atom != ""; atom, rest = NextAtom(rest) {
		n++
	}
	return n
}

// NextAtom cuts the first atom off: a run of stars, a class or one character.
func NextAtom(text string) (atom, rest string) {
	end := min(len(text), 1)
	switch {
	case strings.HasPrefix(text, "*"):
		end = len(text) - len(strings.TrimLeft(text, "*"))
	case strings.HasPrefix(text, "["):
		end = strings.IndexByte(text, ']') + 1
	}
	return text[:end], text[end:]
}

// AtomAccepts reports whether an atom that is no star accepts c.
func AtomAccepts(atom string, c, separator byte) bool {
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

// IsSymbol reports whether c is one of symbolBytes.
func IsSymbol(c byte) bool { return symbolOf[c] != 0 }

const symbols = len(symbolBytes) + 1

var symbolOf = func() (table [256]uint8) {
	for i := range len(symbolBytes) {
		table[symbolBytes[i]] = uint8(i + 1)
	}
	return table
}()
