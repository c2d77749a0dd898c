package livepolicy

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"weak"

	"wildcard-egress/filter/policy"
)

// Registry is all lineages of a process.
type Registry struct {
	// OnChange hears of each attempt to change a policy, one after another. It
	// must not call the Registry.
	OnChange func(Change)
	// OnPanic hears of a bug in the watching of a file; the policy in force
	// stays. The watching goes on.
	OnPanic func(recovered any)

	files    sync.Mutex // one first load at a time
	mu       sync.Mutex // the fields below
	lineages map[string]*Lineage
	ids      uint32
	byHash   map[[sha256.Size]byte]weak.Pointer[policy.Policy]
	announce sync.Mutex
}

// Inline puts a policy in force that stands in a configuration with this
// filter_name. It returns the policy that the configuration must enforce: the
// given one, or, when that has mistakes, the last good one of the same name
// (nil when there is none). Call Release when the configuration ends.
func (r *Registry) Inline(filterName string, data []byte) (*Lineage, *policy.Policy, error) {
	l, _ := r.lineage("filter_name " + filterName)
	c, err := r.compile("filter_config", data)
	if err != nil {
		r.tell(l.refuse(err))
		return l, l.Newest(), err
	}
	r.tell(l.accept(c))
	return l, c.policy, nil
}

// File returns the lineage of a file, loads the file if it is new to the
// process, and watches it until the last user calls Release. The error is that
// of the first load: the file may become good later.
func (r *Registry) File(path string) (*Lineage, error) {
	r.files.Lock()
	defer r.files.Unlock()
	l, isNew := r.lineage(path)
	if !isNew {
		return l, nil
	}
	w := &watch{registry: r, lineage: l, path: path}
	err := w.load()
	l.stop = w.start()
	return l, err
}

// lineage finds or makes the lineage of a name, with one more user.
func (r *Registry) lineage(name string) (l *Lineage, isNew bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l = r.lineages[name]
	if l == nil {
		r.ids++
		l, isNew = &Lineage{ID: r.ids, Name: name}, true
		if r.lineages == nil {
			r.lineages = map[string]*Lineage{}
		}
		r.lineages[name] = l
	}
	l.users++
	return l, isNew
}

// Release ends one use of a lineage. An inline lineage is kept: the last good
// policy of a filter_name must outlive a moment without configurations.
func (r *Registry) Release(l *Lineage) {
	r.files.Lock()
	defer r.files.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if l.users--; l.users == 0 && l.stop != nil {
		l.stop()
		delete(r.lineages, l.Name)
	}
}

// ByID returns a lineage that is in use; nil when there is none of this ID.
func (r *Registry) ByID(id uint32) *Lineage {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.lineages {
		if l.ID == id {
			return l
		}
	}
	return nil
}

type compiled struct {
	policy  *policy.Policy
	version uint64
	rules   int
}

// compile parses and compiles data, or finds the same content compiled: several
// configurations share one Policy, and it is freed with the last of them.
func (r *Registry) compile(name string, data []byte) (compiled, error) {
	document, err := policy.Parse(name, data)
	if err != nil {
		return compiled{}, err
	}
	hash := sha256.Sum256(data)
	// 48 bits: a number that is exact in every monitoring system.
	c := compiled{version: binary.BigEndian.Uint64(hash[:8]) >> 16, rules: len(document.Rules)}
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.policy = r.byHash[hash].Value(); c.policy == nil {
		c.policy = document.Compile()
		r.remember(hash, c.policy)
	}
	return c, nil
}

func (r *Registry) remember(hash [sha256.Size]byte, p *policy.Policy) {
	if r.byHash == nil {
		r.byHash = map[[sha256.Size]byte]weak.Pointer[policy.Policy]{}
	}
	for h, known := range r.byHash {
		if known.Value() == nil {
			delete(r.byHash, h)
		}
	}
	r.byHash[hash] = weak.Make(p)
}

func (r *Registry) tell(c Change) {
	if r.OnChange == nil {
		return
	}
	r.announce.Lock()
	defer r.announce.Unlock()
	r.OnChange(c)
}
