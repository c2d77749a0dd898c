package analysis

import (
	"encoding/binary"
	"slices"
	"strings"
)

// machine advances the positions in the globs of many terms by one byte at a
// time. Each glob has a bit for each of its atoms and one for its end, in words
// of its own.
type machine struct {
	scope
	terms     []wordRange // those to be in first
	must      int         // how many these are
	mustWords int         // the words of these
	stars     []uint64    // positions before a star, which also matches nothing
	ends      []uint64
	sizes     []int    // of the globs, in words
	symbols   []symbol // a byte for each that the globs tell apart
}

type wordRange struct{ from, to int }

// symbol is a byte that stands for all that the globs don't tell from it.
type symbol struct {
	byte                byte
	inName, inPrincipal bool
	step, stay          []uint64 // the positions that it moves on by one, and leaves
}

// The bytes of server names and of principals, the least usual first: they are
// in few globs, so examples are short and plain.
const (
	nameBytes      = "xqzjkvwybcdfghlmnpqrstaeiou0123456789_-."
	principalBytes = "xqzjkvwybcdfghlmnpqrstaeiou0123456789_-.ABCDEFGHIJKLMNOPQRSTUVWXYZ/:"
)

func newMachine(s scope, must, not []term) *machine {
	m := &machine{scope: s, must: len(must)}
	var atoms []alternative
	words := 0
	for i, t := range slices.Concat(must, not) {
		from := words
		for _, a := range t {
			atoms = append(atoms, a)
			m.sizes = append(m.sizes, len(a)/64+1)
			words += len(a)/64 + 1
		}
		m.terms = append(m.terms, wordRange{from, words})
		if i < len(must) {
			m.mustWords = words
		}
	}
	m.stars, m.ends = make([]uint64, words), make([]uint64, words)
	word := 0
	for _, a := range atoms {
		for position, atom := range a {
			if atom.star() {
				m.stars[word+position/64] |= 1 << (position % 64)
			}
		}
		m.ends[word+len(a)/64] |= 1 << (len(a) % 64)
		word += len(a)/64 + 1
	}
	m.addSymbols(atoms, words)
	return m
}

func (m *machine) addSymbols(atoms []alternative, words int) {
	seen := map[string]bool{}
	add := func(c byte, inName, inPrincipal bool) {
		s := symbol{byte: c, inName: inName, inPrincipal: inPrincipal, step: make([]uint64, words), stay: make([]uint64, words)}
		key := []byte{flag(inName), flag(c == '.' || c == '/')}
		word := 0
		for _, a := range atoms {
			for position, atom := range a {
				if !atom.accepts(c) {
					continue
				}
				to := s.step
				if atom.star() {
					to = s.stay
				}
				to[word+position/64] |= 1 << (position % 64)
			}
			word += len(a)/64 + 1
		}
		for i := range words {
			key = binary.LittleEndian.AppendUint64(key, s.step[i])
			key = binary.LittleEndian.AppendUint64(key, s.stay[i])
		}
		if !seen[string(key)] {
			seen[string(key)] = true
			m.symbols = append(m.symbols, s)
		}
	}
	if m.names {
		for _, c := range []byte(nameBytes) {
			add(c, true, false)
		}
	}
	if m.names && m.principals {
		add(between[0], false, false)
	}
	if m.principals {
		for _, c := range []byte(principalBytes) {
			add(c, false, true)
		}
	}
}

// start is the empty string.
func (m *machine) start() place {
	words := make([]uint64, len(m.stars))
	word := 0
	for _, size := range m.sizes {
		words[word] = 1
		word += size
	}
	m.close(words)
	return place{words: words, number: emptyLabel, caller: !m.names}
}

// advance returns the positions after one more byte.
func (m *machine) advance(words []uint64, s *symbol) []uint64 {
	next := make([]uint64, len(words))
	carry := uint64(0) // from one word of a glob to its next; at its end there is none
	for i, word := range words {
		moved := word & s.step[i]
		next[i] = moved<<1 | carry | word&s.stay[i]
		carry = moved >> 63
	}
	m.close(next)
	return next
}

// close adds the positions behind stars. No two stars are neighbours.
func (m *machine) close(words []uint64) {
	carry := uint64(0)
	for i, word := range words {
		moved := (word | carry) & m.stars[i]
		words[i] |= moved<<1 | carry
		carry = moved >> 63
	}
}

// alive reports whether every term to be in can still be reached.
func (m *machine) alive(words []uint64) bool {
	for _, t := range m.terms[:m.must] {
		if !slices.ContainsFunc(words[t.from:t.to], func(word uint64) bool { return word != 0 }) {
			return false
		}
	}
	return true
}

// accepts reports whether all terms to be in are reached, and no other.
func (m *machine) accepts(words []uint64) bool {
	for i, t := range m.terms {
		ended := false
		for w := t.from; w < t.to; w++ {
			ended = ended || words[w]&m.ends[w] != 0
		}
		if ended != (i < m.must) {
			return false
		}
	}
	return true
}

func (s scope) split(text string) (r sought) {
	switch {
	case s.names && s.principals:
		r.name, r.principal, _ = strings.Cut(text, between)
	case s.names:
		r.name = text
	default:
		r.principal = text
	}
	return r
}
