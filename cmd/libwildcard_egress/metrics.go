package main

import (
	"errors"
	"maps"
	"slices"

	"wildcard-egress/envoy"
	"wildcard-egress/filter"
	"wildcard-egress/livepolicy"
	"wildcard-egress/metrics"
)

// The metrics of the policy, beside the counters of package filter.
const (
	gaugeVersion   = iota // changes with the content; 0: none
	gaugeRules            // of the policy in force
	gaugeLoadedAt         // when the newest came into force, seconds since 1970; 0: never
	gaugeStale            // 1: the newest policy was rejected
	gaugeHosts            // of the policy in force
	gaugeDenyRules        // of it, those in shadow mode left out
)

var gauges = []string{"policy_version", "policy_rules", "policy_loaded_at", "policy_stale", "policy_hosts", "policy_deny_rules"}

// What changes of the policy count.
const (
	countLoaded = iota
	countRejected
	countHostsAdded
	countHostsRemoved
	countRulesAdded
	countRulesRemoved
	countRulesModified
	changeCounts
)

var changeCounters = []string{"policy_loaded", "policy_rejected", "policy_hosts_added", "policy_hosts_removed",
	"policy_rules_added", "policy_rules_removed", "policy_rules_modified"}

var (
	firstChangeCounter  = len(filter.Counters())
	counterHit          = firstChangeCounter + changeCounts
	counterMiss         = counterHit + 1
	counterLinesLeftOut = counterHit + 2
)

func defineMetrics(host *envoy.Config) error {
	counters := append(append(filter.Counters(), changeCounters...), "decision_cache_hit", "decision_cache_miss", "log_lines_left_out")
	if err := host.DefineCounters(counters, filter.PanicCounter()); err != nil {
		return err
	}
	return errors.Join(host.DefineGauges(gauges), host.MeasureWaits(metrics.HelloWait))
}

// announce has Envoy's metrics brought up to date by each configuration: any of
// them may end before its turn comes. Any thread.
func (s *shared) announce() {
	for _, f := range s.users() {
		f.host.OnMain(func() { // false: that one has ended
			fault("config_scheduled")
			s.publish(f.host)
		})
	}
}

func (s *shared) users() []*factory {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.factories))
}

// publish brings Envoy's metrics up to date. They are the same for all
// configurations. Main thread.
func (s *shared) publish(host *envoy.Config) {
	s.mu.Lock()
	counted := s.uncounted
	s.uncounted = [changeCounts]int{}
	s.mu.Unlock()
	for i, n := range counted {
		host.Count(firstChangeCounter+i, n)
	}
	for gauge, value := range s.gauges() {
		host.SetGauge(gauge, value)
	}
}

// gauges are the values of all policies in use together: of one policy, its
// own. Of several, version and rules are sums, and one stale policy is enough.
func (s *shared) gauges() []uint64 {
	const versionBits = 48
	values := make([]uint64, len(gauges))
	seen := map[*livepolicy.Lineage]bool{}
	for _, f := range s.users() {
		if seen[f.use.Lineage] {
			continue
		}
		seen[f.use.Lineage] = true
		status := f.use.Lineage.Status()
		values[gaugeVersion] = (values[gaugeVersion] + status.Version) % (1 << versionBits)
		values[gaugeRules] += uint64(status.Rules)
		values[gaugeHosts] += uint64(status.Hosts)
		values[gaugeDenyRules] += uint64(status.Denying)
		if status.Problem != nil {
			values[gaugeStale] = 1
		}
		if status.Version != 0 {
			values[gaugeLoadedAt] = max(values[gaugeLoadedAt], uint64(status.LoadedAt.Unix()))
		}
	}
	return values
}
