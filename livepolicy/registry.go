package livepolicy

import (
	"errors"
	"fmt"
	"sync"

	"wildcard-egress/filter/policy"
)

// Registry is all lineages of a process. Its methods may be called by any
// thread. A configuration may end, and call Release, on a worker of Envoy or
// within OnChange: so no lock is held while a policy is compiled, and none
// while OnChange runs.
type Registry struct {
	// OnChange hears of each attempt to change a policy, one after another.
	OnChange func(Change)
	// OnPanic hears of a bug in the watching of a file or in OnChange; the
	// policy in force stays, and all goes on.
	OnPanic func(recovered any)

	cache cache

	mu       sync.Mutex // the fields below
	lineages map[string]*Lineage
	uses     map[uint32]*Use
	ids      uint32
	untold   []Change
	telling  bool
}

// Inline takes the policy that stands in a configuration with this filter_name.
// When it has mistakes, the configuration must enforce the last good one of the
// same name instead, if there is one: that is Use.Policy. Connections of older
// configurations hear of it only with Settle.
//
// Messages of Envoy come whole, so a text needs no newline at its end; endMark
// says when it needs the end mark.
func (r *Registry) Inline(filterName string, data []byte, endMark EndMark) *Use {
	u := r.use("filter_name "+filterName, "")
	why := endMark.missing(data, u.Lineage.lastGood(), false)
	if why != "" {
		return r.pin(u, compiled{}, errors.New("filter_config: policy: "+why))
	}
	c, problem := r.cache.compile("filter_config", data)
	return r.pin(u, c, problem)
}

// Unreadable is Inline for a configuration in which no policy can be found.
func (r *Registry) Unreadable(filterName string, problem error) *Use {
	return r.pin(r.use("filter_name "+filterName, ""), compiled{}, problem)
}

func (r *Registry) pin(u *Use, c compiled, problem error) *Use {
	u.Lineage.pin(u, c, problem)
	if problem != nil {
		r.tell(u.Lineage.refuse(problem))
	}
	return u
}

// Settle puts the policy of an inline configuration in force for the lineage.
// Call it once Envoy has accepted what the configuration stands in: it makes
// the filters of a listener before it knows whether it can have the listener.
func (r *Registry) Settle(u *Use) {
	if u.inline {
		r.tell(u.Lineage.settle(u))
	}
}

// File loads a file if it is new to the process, and watches it until its last
// user calls Release. It may become good later: see Lineage.Status.
func (r *Registry) File(path string, endMark EndMark) *Use {
	u := r.use(path, fmt.Sprint(endMark))
	l := u.Lineage
	l.begin.Do(func() {
		w := &watch{registry: r, lineage: l, path: path, endMark: endMark,
			events: arrivals{inotify: startInotify(r.panicked)}} // without (no instance left), looking serves
		w.update()
		go w.run(l.done)
	})
	return u
}

// use makes a use of the lineage of a name and a manner, and that if it is new.
func (r *Registry) use(name, manner string) *Use {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.uses == nil {
		r.lineages, r.uses = map[string]*Lineage{}, map[uint32]*Use{}
	}
	key := name + manner
	l := r.lineages[key]
	if l == nil {
		l = &Lineage{Name: name, key: key, done: make(chan struct{})}
		r.lineages[key] = l
	}
	l.users++
	r.ids++
	u := &Use{ID: r.ids, Lineage: l}
	r.uses[u.ID] = u
	return u
}

// Release ends a use; call it once. An inline lineage is kept: the last good
// policy of a filter_name must outlive a moment without configurations.
func (r *Registry) Release(u *Use) {
	if u.inline {
		if change := u.Lineage.unpin(u); change.Changed {
			r.tell(change)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.uses, u.ID)
	u.Lineage.users--
	if !u.inline && u.Lineage.users == 0 {
		close(u.Lineage.done)
		delete(r.lineages, u.Lineage.key)
	}
}

// Newest is Use.Newest of the use with this ID; ok is false when it has ended.
func (r *Registry) Newest(id uint32) (p *policy.Policy, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	u, ok := r.uses[id]
	if !ok {
		return nil, false
	}
	return u.Newest(), true
}

// tell hands a change to OnChange, unless a thread is in there: then that one
// hands it over.
func (r *Registry) tell(c Change) {
	r.mu.Lock()
	r.untold = append(r.untold, c)
	if r.telling {
		r.mu.Unlock()
		return
	}
	r.telling = true
	r.mu.Unlock()
	for next, ok := r.nextUntold(); ok; next, ok = r.nextUntold() {
		r.hand(next)
	}
}

func (r *Registry) nextUntold() (next Change, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.untold) == 0 {
		r.telling = false
		return Change{}, false
	}
	next, r.untold = r.untold[0], r.untold[1:]
	return next, true
}

func (r *Registry) hand(c Change) {
	defer func() {
		if recovered := recover(); recovered != nil {
			r.panicked(recovered)
		}
	}()
	if r.OnChange != nil {
		r.OnChange(c)
	}
}

func (r *Registry) panicked(recovered any) {
	if r.OnPanic != nil {
		r.OnPanic(recovered)
	}
}
