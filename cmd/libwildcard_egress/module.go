package main

import (
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"sync"

	"wildcard-egress/envoy"
	"wildcard-egress/filter"
	"wildcard-egress/filter/policy"
	"wildcard-egress/livepolicy"
)

// module is what all filter_configs of this Envoy share.
var module = newShared()

type shared struct {
	policies livepolicy.Registry
	log      *slog.Logger
	revoke   chan struct{} // a policy changed: look at the tracked connections

	mu        sync.Mutex
	factories map[*factory]struct{}
	loaded    int // attempts not counted in Envoy yet
	rejected  int
	status    livepolicy.Status // after the newest attempt
}

func newShared() *shared {
	s := &shared{
		log:       slog.New(envoy.LogHandler("wildcard_egress")),
		revoke:    make(chan struct{}, 1),
		factories: map[*factory]struct{}{},
	}
	s.policies.OnChange = s.changed
	s.policies.OnPanic = s.panicked
	go func() {
		for range s.revoke {
			s.revokeDoomed()
		}
	}()
	return s
}

func (s *shared) add(f *factory) {
	s.mu.Lock()
	s.factories[f] = struct{}{}
	s.mu.Unlock()
	f.host.SetDeadline(f.enforcer.Policy().Settings().ClientHelloTimeout)
	s.publish(f.host) // config_new runs on the main thread
}

func (s *shared) release(f *factory) {
	s.mu.Lock()
	delete(s.factories, f)
	s.mu.Unlock()
	if f.lineage != nil {
		s.policies.Release(f.lineage)
	}
}

// changed hears of each attempt to change a policy, on the thread that made it.
func (s *shared) changed(c livepolicy.Change) {
	if c.Err != nil {
		s.refused(c.Err)
	} else if c.Changed {
		s.log.Info("policy in force", "from", c.Lineage.Name, "version", c.Status.Version, "rules", c.Status.Rules)
	}
	s.mu.Lock()
	s.status = c.Status
	if c.Changed {
		s.loaded++
	}
	users := slices.Collect(maps.Keys(s.factories))
	s.mu.Unlock()
	for _, f := range users {
		if f.lineage == c.Lineage {
			f.host.SetDeadline(f.enforcer.Policy().Settings().ClientHelloTimeout)
		}
	}
	for _, f := range users {
		if f.host.OnMain(func() { s.publish(f.host) }) {
			break // the metrics are the same for all
		}
	}
	if c.Changed {
		select {
		case s.revoke <- struct{}{}:
		default: // it is to look already
		}
	}
}

// refused says that a policy was refused, and what is in force instead.
func (s *shared) refused(err error) {
	s.mu.Lock()
	s.rejected++
	s.mu.Unlock()
	s.log.Error("policy rejected; the last good one stays in force, and without one every connection is denied: " + err.Error())
}

func (s *shared) panicked(recovered any) {
	s.log.Error(fmt.Sprintf("panic in the watching of the policy, which goes on: %v\n%s", recovered, debug.Stack()))
}

// revokeDoomed closes the connections that the policies now in force deny.
func (s *shared) revokeDoomed() {
	defer func() {
		if r := recover(); r != nil {
			s.panicked(r)
		}
	}()
	closed := envoy.Revoke(func(label []byte) bool {
		lineage, request, ok := filter.ParseLabel(label)
		if !ok {
			return true
		}
		l := s.policies.ByID(lineage)
		return l != nil && l.Newest().Decide(request).Action != policy.Allow
	})
	if closed > 0 {
		s.log.Info("connections revoked by the new policy", "count", closed)
	}
}
