package analysis

import (
	"encoding/binary"
	"time"

	"wildcard-egress/filter/policy/document"
	"wildcard-egress/filter/policy/servername"
)

// search looks for a request that is in all of one list of terms and in none of
// another. It walks the globs of all terms at once through ever longer strings,
// and leaves out each string of which another, no longer one has got at least as
// far: in the terms that it has to be in, as far, and in the others no further.
// So it ends, and the request is the shortest.
type search struct {
	scope
	must, not []term
	deadline  time.Time
}

// verdict is what came of a search.
type verdict uint8

const (
	absent    verdict = iota // there is no such request
	found                    // there is
	undecided                // it takes too long to tell
)

// maxVisits bounds one search: a second or so, whatever the terms are.
const maxVisits = 50_000

// sought is a server name and a principal; a part that the search is not about
// is empty.
type sought struct{ name, principal string }

// run searches.
func (s search) run() (sought, verdict) {
	m := newMachine(s.scope, s.must, s.not)
	w := walk{machine: m, reached: map[string][]int32{}}
	w.add(m.start(), -1, 0)
	for i := 0; i < len(w.places); i++ {
		if w.accepts(i) {
			return w.sought(i), found
		}
		if len(w.places) > maxVisits || i%64 == 0 && time.Now().After(s.deadline) {
			return sought{}, undecided
		}
		for symbol := range m.symbols {
			if next, ok := w.step(i, symbol); ok {
				w.add(next, int32(i), m.symbols[symbol].byte)
			}
		}
	}
	return sought{}, absent
}

// place is one string that a walk has come to.
type place struct {
	words  []uint64 // the positions in all globs, those of the terms to be in first
	parent int32
	length uint16 // in bytes, of the part it is in
	label  uint8  // bytes since the last dot of a server name
	last   byte   // 0 at the start of a part
	number number // what number the label is so far
	caller bool   // whether it is in the principal
	byte   byte
}

type walk struct {
	*machine
	places  []place
	reached map[string][]int32 // by what must be equal, the places
	key     []byte
}

// add takes a place in unless another one is as good.
func (w *walk) add(p place, parent int32, c byte) {
	p.parent, p.byte = parent, c
	w.key = w.key[:0]
	for _, word := range p.words[:w.mustWords] {
		w.key = binary.LittleEndian.AppendUint64(w.key, word)
	}
	follows := byte(0)
	if p.last == 0 || p.last == '-' || p.last == '.' || p.last == '/' {
		follows = p.last + 1
	}
	w.key = append(w.key, follows, flag(p.caller), byte(p.number))
	if p.caller && int(p.length) <= len(document.PrincipalScheme) {
		w.key = append(w.key, byte(p.length))
	}
	for _, i := range w.reached[string(w.key)] {
		if w.places[i].atLeastAsGood(p, w.mustWords) {
			return
		}
	}
	w.reached[string(w.key)] = append(w.reached[string(w.key)], int32(len(w.places)))
	w.places = append(w.places, p)
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// atLeastAsGood reports whether whatever can follow other can follow p too. Both
// are in the same positions of what they must be in, and p is no longer.
func (p *place) atLeastAsGood(other place, mustWords int) bool {
	for i := mustWords; i < len(p.words); i++ {
		if p.words[i]&^other.words[i] != 0 {
			return false
		}
	}
	return p.label <= other.label && p.length <= other.length
}

// step goes on by one symbol, if a request can.
func (w *walk) step(i, symbol int) (place, bool) {
	p := w.places[i]
	s := &w.symbols[symbol]
	next := place{length: p.length + 1, last: s.byte, caller: p.caller}
	switch {
	case s.byte == between[0]:
		if p.caller || !w.principals || !p.endsName() {
			return next, false
		}
		next = place{caller: true}
	case p.caller:
		if !s.inPrincipal || !p.goesOnInPrincipal(s.byte) {
			return next, false
		}
	default:
		if !s.inName || !p.goesOnInName(s.byte) {
			return next, false
		}
		next.label = p.label + 1
		next.number = p.number.after(s.byte)
		if s.byte == '.' {
			next.label, next.number = 0, emptyLabel
		}
	}
	next.words = w.advance(p.words, s)
	return next, w.alive(next.words)
}

func (p *place) goesOnInName(c byte) bool {
	switch {
	case p.length == servername.MaxBytes || p.label == servername.MaxLabelBytes && c != '.':
		return false
	case p.label == 0:
		return c != '-' && c != '.'
	}
	return p.last != '-' || c != '.'
}

// endsName reports whether a server name can end here.
func (p *place) endsName() bool { return p.label > 0 && p.last != '-' && p.number == noNumber }

// number says what number the bytes of a label are: the last label of a server
// name must be none.
type number uint8

const (
	noNumber number = iota
	emptyLabel
	zero    // "0"
	decimal // digits
	hexadecimal
)

// after returns what n is with one more byte.
func (n number) after(c byte) number {
	switch {
	case n == emptyLabel && c == '0':
		return zero
	case n == zero && c == 'x', n == hexadecimal && 'a' <= c && c <= 'f':
		return hexadecimal
	case n == noNumber || !servername.IsDigit(c):
		return noNumber
	case n == hexadecimal:
		return n
	}
	return decimal
}

func (p *place) goesOnInPrincipal(c byte) bool {
	inScheme := int(p.length) < len(document.PrincipalScheme)
	switch {
	case p.length == document.MaxPrincipalBytes:
		return false
	case inScheme:
		return c == document.PrincipalScheme[p.length]
	}
	return c != ':' && (p.last != '/' || c != '/')
}

// accepts reports whether the string that a place stands for is what is sought.
func (w *walk) accepts(i int) bool {
	p := &w.places[i]
	switch {
	case p.caller != w.principals, !p.caller && !p.endsName():
		return false
	case p.caller && (int(p.length) <= len(document.PrincipalScheme) || p.last == '/'):
		return false
	}
	return w.machine.accepts(p.words)
}

func (w *walk) sought(i int) sought {
	var text []byte
	for at := int32(i); w.places[at].parent >= 0; at = w.places[at].parent {
		text = append(text, w.places[at].byte)
	}
	for a, b := 0, len(text)-1; a < b; a, b = a+1, b-1 {
		text[a], text[b] = text[b], text[a]
	}
	return w.scope.split(string(text))
}
