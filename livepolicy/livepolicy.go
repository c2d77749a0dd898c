// Package livepolicy holds the policies in force in this process: it loads and
// compiles them away from Envoy's workers, swaps them atomically, and keeps the
// last good one when a new one is broken.
package livepolicy

import (
	"sync"
	"sync/atomic"
	"time"

	"wildcard-egress/filter/policy"
)

// Lineage is the succession of policies of one place: of one file, or of the
// configurations with one filter_name. All its methods may be called by any
// thread; those without a lock are for the workers.
type Lineage struct {
	// ID numbers the lineage within the process, from 1.
	ID uint32
	// Name is the file or the filter_name.
	Name string

	newest atomic.Pointer[policy.Policy]

	mu     sync.Mutex
	status Status
	users  int
	stop   func()
}

// Status is what an operator wants to know of a lineage.
type Status struct {
	Version  uint64    // changes with the content; 0 while there is no policy
	Rules    int       // of the policy in force
	LoadedAt time.Time // when it came into force; zero while there is none
	Stale    bool      // the newest attempt was refused, an older policy (or none) is in force
}

// Newest is the policy in force; nil, which denies everything, while there is
// none.
func (l *Lineage) Newest() *policy.Policy { return l.newest.Load() }

// Status says what is in force.
func (l *Lineage) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status
}

// Change is one attempt to change the policy of a lineage.
type Change struct {
	Lineage *Lineage
	Status  Status // after it
	Changed bool   // another policy is in force now
	Err     error  // why the attempt was refused; nil: it was not
}

// accept puts a compiled policy in force; refuse keeps the one that is.
func (l *Lineage) accept(c compiled) Change {
	l.mu.Lock()
	defer l.mu.Unlock()
	changed := l.newest.Swap(c.policy) != c.policy
	if changed {
		l.status = Status{Version: c.version, Rules: c.rules, LoadedAt: time.Now()}
	}
	l.status.Stale = false
	return Change{Lineage: l, Status: l.status, Changed: changed}
}

func (l *Lineage) refuse(err error) Change {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status.Stale = true
	return Change{Lineage: l, Status: l.status, Err: err}
}
