package main

import (
	"wildcard-egress/envoy"
	"wildcard-egress/filter"
	"wildcard-egress/livepolicy"
)

// The metrics of the policy, beside the counters of package filter.
const (
	gaugeVersion  = iota // changes with the content; 0: none
	gaugeRules           // of the policy in force
	gaugeLoadedAt        // seconds since 1970; 0: never
	gaugeStale           // 1: the newest policy was rejected
)

var gauges = []string{"policy_version", "policy_rules", "policy_loaded_at", "policy_stale"}

var (
	counterLoaded   = len(filter.Counters())
	counterRejected = counterLoaded + 1
)

func defineMetrics(host *envoy.Config) error {
	counters := append(filter.Counters(), "policy_loaded", "policy_rejected")
	if err := host.DefineCounters(counters, filter.PanicCounter()); err != nil {
		return err
	}
	return host.DefineGauges(gauges)
}

// publish brings Envoy's metrics up to date. Main thread.
func (s *shared) publish(host *envoy.Config) {
	s.mu.Lock()
	status, loaded, rejected := s.status, s.loaded, s.rejected
	s.loaded, s.rejected = 0, 0
	s.mu.Unlock()
	for range loaded {
		host.Count(counterLoaded)
	}
	for range rejected {
		host.Count(counterRejected)
	}
	host.SetGauge(gaugeVersion, status.Version)
	host.SetGauge(gaugeRules, uint64(status.Rules))
	host.SetGauge(gaugeLoadedAt, seconds(status))
	host.SetGauge(gaugeStale, stale(status))
}

func seconds(s livepolicy.Status) uint64 {
	if s.LoadedAt.IsZero() {
		return 0
	}
	return uint64(s.LoadedAt.Unix())
}

// stale is 1 also while there is no policy at all.
func stale(s livepolicy.Status) uint64 {
	if s.Stale || s.Version == 0 {
		return 1
	}
	return 0
}
