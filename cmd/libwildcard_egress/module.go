package main

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
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
	names    filter.Names
	rules    filter.RuleLabels
	log      *slog.Logger
	revoke   chan struct{} // a policy changed: look at the tracked connections

	guarding sync.Once // memory

	mu        sync.Mutex
	factories map[*factory]struct{}
	uncounted [changeCounts]int // of changes, not counted in Envoy yet
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

// add is for config_new, on the main thread.
func (s *shared) add(f *factory) {
	s.mu.Lock()
	s.factories[f] = struct{}{}
	f.setLimits()
	s.mu.Unlock()
	s.publish(f.host)
}

// remove ends a configuration. Any thread: no lock is held long.
func (s *shared) remove(f *factory) {
	s.mu.Lock()
	delete(s.factories, f)
	s.mu.Unlock()
	s.policies.Release(f.use)
	s.announce()
}

// setLimits is called with the lock, so that an older policy's limits cannot
// follow a newer one's. It also forgets the decisions of the older policy.
func (f *factory) setLimits() {
	settings := f.use.Policy().Settings()
	f.host.SetLimits(envoy.Limits{Deadline: settings.ClientHelloTimeout, MaxHelloBytes: settings.MaxClientHelloBytes,
		RecallFor: filter.NamesLifetime / 2, LinesPerSecond: settings.LoggedRefusals})
}

// changed hears of each attempt to change a policy, on the thread that made it.
// What makes the change hold comes first: a panic in the rest is a bug that must
// leave no decision of the older policy in force.
func (s *shared) changed(c livepolicy.Change) {
	s.apply(c)
	if c.Changed {
		select {
		case s.revoke <- struct{}{}:
		default: // it is to look already
		}
	}
	fault("policy_changed")
	s.report(c)
	s.announce()
}

func (s *shared) apply(c livepolicy.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for f := range s.factories {
		f.setLimits()
		if f.use.Superseded() {
			f.host.StopRecalling()
		}
	}
	if c.Refused != nil {
		s.uncounted[countRejected]++
	}
	if c.Changed {
		s.uncounted[countLoaded]++
	}
	if e := c.Edit; e != nil {
		s.uncounted[countHostsAdded] += e.HostsAdded.Count
		s.uncounted[countHostsRemoved] += e.HostsRemoved.Count
		s.uncounted[countRulesAdded] += e.RulesAdded.Count
		s.uncounted[countRulesRemoved] += e.RulesRemoved.Count
		s.uncounted[countRulesModified] += e.RulesModified.Count
	}
}

func (s *shared) report(c livepolicy.Change) {
	if c.Changed {
		s.log.Info("policy in force", append([]any{"from", c.Lineage.Name, "version", c.Status.Version, "rules", c.Status.Rules,
			"hosts", c.Status.Hosts, "deny_rules", c.Status.Denying}, said(c.Edit)...)...)
	}
	if c.Edit != nil && len(c.Edit.Opens) > 0 {
		s.log.Warn("the new policy opens much, which may be a mistake: " + strings.Join(c.Edit.Opens, "; "))
	}
	if c.Refused != nil {
		s.log.Error("policy rejected; the last good one stays in force, and without one every connection is denied: " +
			c.Refused.Error())
	}
}

// said is what an edit changed, for the log.
func said(e *livepolicy.Edit) (attrs []any) {
	if e == nil {
		return nil
	}
	for _, list := range []struct {
		name  string
		names livepolicy.Names
	}{
		{"rules_added", e.RulesAdded}, {"rules_removed", e.RulesRemoved}, {"rules_modified", e.RulesModified},
		{"hosts_added", e.HostsAdded}, {"hosts_removed", e.HostsRemoved},
	} {
		if list.names.Count > 0 {
			attrs = append(attrs, list.name, list.names.String())
		}
	}
	return attrs
}

func (s *shared) panicked(recovered any) {
	s.log.Error(fmt.Sprintf("panic around the policy, which stays as it is: %v\n%s", recovered, debug.Stack()))
}

// revokeDoomed closes the connections that the policies now in force deny.
func (s *shared) revokeDoomed() {
	defer func() {
		if r := recover(); r != nil {
			s.panicked(r)
		}
	}()
	fault("revoke_doomed")
	closed := envoy.Revoke(func(label []byte) bool {
		id, request, ok := filter.ParseLabel(label)
		if !ok {
			return true
		}
		newest, ok := s.policies.Newest(id)
		return ok && newest.Decide(request).Action != policy.Allow
	})
	if closed > 0 {
		s.log.Info("connections revoked by the new policy", "count", closed)
	}
}
