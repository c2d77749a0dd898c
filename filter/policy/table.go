package policy

import "hash/maphash"

// setID names a set of rules; 0 is the empty one.
type setID uint32

// ruleSets holds sets of rules as lists that share their ends. Hosts with the
// same rules have the same set.
type ruleSets []setLink

// setLink is a rule before the rest of its set.
type setLink struct {
	rule uint32
	rest setID
}

// domainEntry says what the policy knows of one domain; the zero value is
// nothing.
type domainEntry struct {
	exact setID  // rules with the domain itself
	under setID  // rules with "*." and the domain
	globs uint32 // one more than the index of the globs that end with the domain
}

// domainTable finds domains: open addressing in one array, names in another.
// It has no pointers, so that the garbage collector passes over a million
// entries at no cost.
type domainTable struct {
	seed    maphash.Seed
	slots   []slot
	entries []domainEntry
	spans   []span
	names   []byte
}

// slot is empty if entry is 0, else entry is one more than the index.
type slot struct {
	tag   uint32 // hash bits that the position does not use
	entry uint32
}

// span is where the name of an entry stands in names.
type span struct {
	offset uint32
	length uint8
}

func (t *domainTable) find(name string) domainEntry {
	if len(t.slots) == 0 {
		return domainEntry{}
	}
	if i, ok := t.locate(name); ok {
		return t.entries[t.slots[i].entry-1]
	}
	return domainEntry{}
}

// locate returns the slot of name, or the empty one where it belongs.
func (t *domainTable) locate(name string) (int, bool) {
	hash := maphash.String(t.seed, name)
	mask := len(t.slots) - 1
	tag := uint32(hash >> 32)
	for i := int(hash) & mask; ; i = (i + 1) & mask {
		s := t.slots[i]
		if s.entry == 0 {
			return i, false
		}
		if s.tag == tag && t.name(s.entry-1) == name {
			return i, true
		}
	}
}

func (t *domainTable) name(i uint32) string {
	s := t.spans[i]
	return string(t.names[s.offset : s.offset+uint32(s.length)])
}
