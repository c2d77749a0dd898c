// Package livepolicy holds the policies in force in this process: it loads and
// compiles them away from Envoy's workers, swaps them atomically, and keeps the
// last good one when a new one is broken.
package livepolicy

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"wildcard-egress/filter/policy"
)

// Lineage is the succession of policies of one place: of one file, or of the
// configurations with one filter_name. All its methods may be called by any
// thread; Newest, which has no lock, by the workers too.
type Lineage struct {
	// Name is the file or the filter_name.
	Name string

	newest atomic.Pointer[policy.Policy]

	mu       sync.Mutex
	inForce  compiled
	loadedAt time.Time
	problem  error
	pinned   []*Use // the inline configurations that live and have a policy, oldest first

	key   string        // the registry's
	users int           // guarded by the registry
	begin sync.Once     // the first load of a file
	done  chan struct{} // closed when a file has no user any more
}

// Use is what one configuration has of a lineage.
type Use struct {
	// ID numbers the configuration within the process, from 1.
	ID      uint32
	Lineage *Lineage

	// Of an inline configuration:
	inline  bool
	pinned  compiled    // its own policy, or the last good one
	problem error       // why that is not its own
	settled atomic.Bool // its policy has been in force
}

// Policy is what the configuration enforces; nil, which denies everything,
// while there is none. A file's is always the newest, an inline configuration
// keeps its own. No lock.
func (u *Use) Policy() *policy.Policy {
	if u.inline {
		return u.pinned.policy
	}
	return u.Lineage.Newest()
}

// Newest is the policy that the connections of the configuration must satisfy
// to live on: the newest of the lineage, unless the configuration is newer and
// not settled yet. Nil denies everything. No lock.
func (u *Use) Newest() *policy.Policy {
	if u.inline && !u.settled.Load() {
		return u.pinned.policy
	}
	return u.Lineage.Newest()
}

// Superseded says whether a newer configuration has brought another policy: Envoy
// gives this one's no new connections then.
func (u *Use) Superseded() bool {
	return u.inline && u.settled.Load() && u.pinned.policy != u.Lineage.Newest()
}

// Status is what an operator wants to know of a lineage.
type Status struct {
	Version  uint64    // changes with the content, 48 bits; 0 while there is no policy
	Rules    int       // of the policy in force
	LoadedAt time.Time // when it came into force; zero while there is none
	Hosts    int       // of all its rules
	Denying  int       // rules that deny, and not in shadow mode
	// Problem is why the newest attempt was refused: an older policy, or none,
	// is in force. Nil: it was not.
	Problem error
}

// Newest is the policy in force; nil, which denies everything, while there is
// none.
func (l *Lineage) Newest() *policy.Policy { return l.newest.Load() }

// Status says what is in force.
func (l *Lineage) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.statusLocked()
}

func (l *Lineage) statusLocked() Status {
	s := Status{Version: l.inForce.version, Rules: l.inForce.rules, LoadedAt: l.loadedAt, Problem: l.problem}
	if c := l.inForce.contents; c != nil {
		s.Hosts, s.Denying = len(c.hosts), c.denyRules()
	}
	return s
}

// Change is one attempt to change the policy of a lineage.
type Change struct {
	Lineage *Lineage
	Status  Status // after it
	Changed bool   // another policy is in force now
	Edit    *Edit  // what that changed; nil for the first policy
	Refused error  // why this attempt was refused; nil: it was not
}

// accept puts a compiled policy in force.
func (l *Lineage) accept(c compiled) Change {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.problem = nil
	changed, edit := l.putLocked(c)
	return Change{Lineage: l, Status: l.statusLocked(), Changed: changed, Edit: edit}
}

func (l *Lineage) putLocked(c compiled) (changed bool, edit *Edit) {
	if l.newest.Swap(c.policy) == c.policy {
		return false, nil
	}
	edit = editOf(l.inForce.contents, c.contents)
	l.inForce, l.loadedAt = c, time.Now()
	return true, edit
}

// refuse keeps the policy that is in force.
func (l *Lineage) refuse(problem error) Change {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.problem = problem
	return Change{Lineage: l, Status: l.statusLocked(), Refused: problem}
}

// pin gives an inline configuration its policy, or, if that has a problem, the
// last good one: of a configuration that lives, settled or not, or in force.
func (l *Lineage) pin(u *Use, c compiled, problem error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	u.inline, u.pinned, u.problem = true, c, problem
	if problem != nil {
		u.pinned = l.lastGoodLocked()
	}
	if u.pinned.policy != nil {
		l.pinned = append(l.pinned, u)
	}
}

// lastGood is the newest policy that had no problem, in force or about to be.
func (l *Lineage) lastGood() compiled {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lastGoodLocked()
}

func (l *Lineage) lastGoodLocked() compiled {
	if n := len(l.pinned); n > 0 {
		return l.pinned[n-1].pinned
	}
	return l.inForce
}

// settle puts the policy of an inline configuration in force.
func (l *Lineage) settle(u *Use) Change {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.problem = u.problem
	change := Change{Lineage: l}
	if u.pinned.policy != nil {
		change.Changed, change.Edit = l.putLocked(u.pinned)
	}
	u.settled.Store(true)
	change.Status = l.statusLocked()
	return change
}

// unpin ends an inline configuration. If its policy was the newest while an
// older configuration lives on, Envoy has given up the listener that it stood
// in, such as one that never became warm, and the older one counts again.
func (l *Lineage) unpin(u *Use) Change {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pinned = slices.DeleteFunc(l.pinned, func(other *Use) bool { return other == u })
	change := Change{Lineage: l}
	for _, newest := range slices.Backward(l.pinned) {
		if newest.settled.Load() {
			change.Changed, change.Edit = l.putLocked(newest.pinned)
			break
		}
	}
	change.Status = l.statusLocked()
	return change
}
