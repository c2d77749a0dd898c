package filter

import (
	"hash/maphash"
	"sync"
	"time"
)

// Names are the host names that each party has asked for lately: they are in
// Envoy's DNS cache, or under way to it, which is one for all. It is for the
// whole process, and safe for use by all workers. Only connections whose decision
// is not recalled ask it. All it knows of a name is a hash.
type Names struct {
	mu      sync.Mutex
	seeds   [2]maphash.Seed
	held    map[[2]uint64]*heldName // by party and name
	parties map[uint64]*nameParty
	oldest  heldName // a ring, in the order of last use: its next is the oldest
}

// NamesLifetime is how long a name counts after its last use: as long as Envoy
// keeps a name without use, and a usual time to live in DNS.
const NamesLifetime = 5 * time.Minute

const (
	// maxHeldNames bounds the memory, some 40 MB: 64 times what the rendered DNS
	// cache holds. Beyond, the names that were used longest ago are forgotten.
	maxHeldNames = 1 << 18
	// newNamesBurst is for how long a party may have asked for nothing and then
	// ask at once: an application that starts asks for all its names.
	newNamesBurst = 10 * time.Second
)

// heldName is one name that a party holds.
type heldName struct {
	key            [2]uint64
	party          *nameParty
	used           time.Time
	previous, next *heldName
}

type nameParty struct {
	key    uint64
	names  uint32
	rested time.Time // when it may ask for as many new names as at first
}

// nameAllowance is what a party may have.
type nameAllowance struct {
	party     string
	names     uint32 // at a time; 0: any number
	perSecond uint32 // new ones; 0: any number
}

// ask enters the name for all parties, or, when it is new to one that has no room
// for it, for none: over is then which, by its index, else -1.
func (n *Names) ask(now time.Time, name string, allowances []nameAllowance) (over int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.initLocked()
	n.forgetLocked(now)
	hash := maphash.String(n.seeds[1], name)
	for i, a := range allowances {
		if key := n.key(a.party, hash); n.held[key] == nil && !n.roomLocked(now, key[0], a) {
			return i
		}
	}
	for _, a := range allowances {
		n.enterLocked(now, n.key(a.party, hash), a.perSecond)
	}
	return -1
}

func (n *Names) key(party string, name uint64) [2]uint64 {
	return [2]uint64{maphash.String(n.seeds[0], party), name}
}

func (n *Names) initLocked() {
	if n.held != nil {
		return
	}
	n.seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
	n.held, n.parties = map[[2]uint64]*heldName{}, map[uint64]*nameParty{}
	n.oldest.next, n.oldest.previous = &n.oldest, &n.oldest
}

// forgetLocked lets go of what is no longer used, and of what is too much: more
// than one call enters, and no more than takes 0.1 ms.
func (n *Names) forgetLocked(now time.Time) {
	for range 1000 {
		h := n.oldest.next
		if h == &n.oldest || len(n.held) < maxHeldNames && now.Sub(h.used) <= NamesLifetime {
			return
		}
		h.unlink()
		delete(n.held, h.key)
		if h.party.names--; h.party.names == 0 {
			delete(n.parties, h.party.key)
		}
	}
}

func (n *Names) roomLocked(now time.Time, party uint64, a nameAllowance) bool {
	p := n.parties[party]
	if p == nil {
		return true
	}
	if a.names > 0 && p.names >= a.names {
		return false
	}
	return a.perSecond == 0 || !p.rested.Add(time.Second/time.Duration(a.perSecond)).After(now.Add(newNamesBurst))
}

func (n *Names) enterLocked(now time.Time, key [2]uint64, perSecond uint32) {
	h := n.held[key]
	if h == nil {
		h = &heldName{key: key, party: n.parties[key[0]]}
		if h.party == nil {
			h.party = &nameParty{key: key[0]}
			n.parties[key[0]] = h.party
		}
		h.party.names++
		if perSecond > 0 {
			if h.party.rested.Before(now) {
				h.party.rested = now
			}
			h.party.rested = h.party.rested.Add(time.Second / time.Duration(perSecond))
		}
		n.held[key] = h
	} else {
		h.unlink()
	}
	h.used = now
	h.previous, h.next = n.oldest.previous, &n.oldest
	h.previous.next, n.oldest.previous = h, h
}

func (h *heldName) unlink() { h.previous.next, h.next.previous = h.next, h.previous }
