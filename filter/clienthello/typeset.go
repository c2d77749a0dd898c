package clienthello

// A typeSet is a set of extension types. It takes no memory of its own for
// hellos as they are; for one with many unknown extensions it takes a bitmap
// of all 65,536 types, so that adding never takes longer than that.
type typeSet struct {
	low   uint64     // a bit for each type below 64: all of the common ones
	few   [16]uint16 // the others
	count int        // how many of few
	all   *[1 << 16 / 64]uint64
}

// add puts t into the set, and reports false if it was there.
func (s *typeSet) add(t uint16) bool {
	if t < 64 {
		return addBit(&s.low, t)
	}
	if s.all != nil {
		return addBit(&s.all[t/64], t%64)
	}
	for _, other := range s.few[:s.count] {
		if other == t {
			return false
		}
	}
	if s.count < len(s.few) {
		s.few[s.count] = t
		s.count++
		return true
	}
	s.all = new([1 << 16 / 64]uint64)
	for _, other := range s.few {
		addBit(&s.all[other/64], other%64)
	}
	return addBit(&s.all[t/64], t%64)
}

func addBit(word *uint64, bit uint16) bool {
	mask := uint64(1) << bit
	added := *word&mask == 0
	*word |= mask
	return added
}
