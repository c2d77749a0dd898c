package testenv

import (
	"slices"
	"strings"

	"wildcard-egress/metrics"
)

// Snapshot is a moment of an Env: many cases share one Env, each looks at what
// has changed since its own snapshot. A client can see its connection end just
// before Envoy counts it: wait for a stat or for the access log line (From)
// before the next case takes its snapshot.
type Snapshot struct {
	stats       map[string]int64
	connections int
	queries     int
}

// Change is what has happened since a snapshot.
type Change struct {
	// Stats are the module's stats that differ, by how much. Those of the decision
	// cache are left out: they tell how, not what was decided.
	Stats       map[string]int64
	Connections int      // that reached any site
	Queries     []string // names that DNS was asked for, once each, sorted
}

// Snapshot returns the present moment.
func (e *Env) Snapshot() (Snapshot, error) {
	stats, err := e.Gateway.Stats(`^wildcard_egress\.`)
	return Snapshot{stats: stats, connections: e.Upstream.Connections(), queries: len(e.DNS.Queries())}, err
}

// Since returns what has happened since s.
func (e *Env) Since(s Snapshot) (Change, error) {
	now, err := e.Snapshot()
	if err != nil {
		return Change{}, err
	}
	change := Change{Stats: map[string]int64{}, Connections: now.connections - s.connections}
	for name, value := range now.stats {
		if value != s.stats[name] && !strings.HasPrefix(name, "wildcard_egress.decision_cache_") && !byRule(name) {
			change.Stats[name] = value - s.stats[name]
		}
	}
	for _, q := range e.DNS.Queries()[s.queries:now.queries] {
		change.Queries = append(change.Queries, strings.ToLower(q.Name))
	}
	slices.Sort(change.Queries)
	change.Queries = slices.Compact(change.Queries)
	return change, nil
}

// byRule says whether Envoy's access logger makes a stat, at the connection's end.
func byRule(name string) bool {
	return slices.ContainsFunc(metrics.ByRule(), func(m metrics.Metric) bool { return strings.HasPrefix(name, m.Name+".") })
}
