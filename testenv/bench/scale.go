package main

import (
	_ "embed"
	"math"
	"strings"
	"text/template"
)

//go:embed scale.md.tmpl
var scaleText string

// What the plan assumes.
const (
	utilisation  = 0.6    // of a core, at most: the rest is for peaks and for a replica that is lost
	resumedShare = 0.9    // of the outer sessions: a sidecar resumes but its first
	workersEach  = 8      // cores of one replica
	idleEach     = 100e3  // idle connections of one replica
	manyNew      = 100e3  // connections per second
	manyIdle     = 1e6    // connections
	ephemeral    = 28_232 // ports from 32768 to 60999, Linux's default range
	timeWait     = 60     // seconds, in Linux
	trackedWait  = 120    // seconds that conntrack keeps a closed connection by default
)

// scale returns the paper plan from the figures of this run; empty if it lacks
// one of them.
func (all figures) scale() (string, error) {
	values := map[string]float64{}
	for name, from := range map[string]struct{ id, column string }{
		"Full": {"cpu-full-1", ours}, "Resumed": {"cpu-resumed-1", ours}, "Full2": {"cpu-full-2", ours},
		"Miss": {"cpu-resumed-1", unaided},
		"Up":   {"bulk-full-1-up", ours}, "Down": {"bulk-full-1-down", ours},
		"Idle": {"memory-full", ours}, "Waiting": {"waiting-full", ours}, "Base": {"growth-ours-resident", smallest},
		"Socket": {"socket", "any"}, "Line": {"log-line", "any"},
	} {
		f := all.get(from.id)
		if f == nil {
			return "", nil
		}
		s, ok := f.of(from.column)
		if !ok {
			return "", nil
		}
		values[name] = s.Median
	}
	t, err := template.New("scale").Funcs(template.FuncMap{
		"n": func(v float64) string { return grouped(int(math.Round(v))) },
		"d": number,
	}).Parse(scaleText)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	err = t.Execute(&text, derived(values))
	return text.String(), err
}

// derived adds to the figures what follows from them.
func derived(v map[string]float64) map[string]float64 {
	const second = 1e6 // in µs, as the figures are
	v["Mixed"] = resumedShare*v["Resumed"] + (1-resumedShare)*v["Full"]
	v["PerCoreFull"], v["PerCoreResumed"] = second/v["Full"], second/v["Resumed"]
	v["PerCore"] = utilisation * second / v["Mixed"]
	v["Cores"] = manyNew / v["PerCore"]
	v["Replicas"] = math.Ceil(v["Cores"] / workersEach)
	v["Each"] = manyNew / (v["Replicas"])
	v["GBperCore"] = 1000 / ((v["Up"] + v["Down"]) / 2)
	v["Held"] = v["Idle"] + 2*v["Socket"]
	v["IdlePerGB"] = 1e6 / v["Held"]
	v["IdleReplicas"] = math.Ceil(manyIdle / idleEach)
	v["IdleGB"] = (idleEach*v["Held"]/1e3 + v["Base"]) / 1e3
	v["PerDestination"] = ephemeral / timeWait
	v["Tracked"] = v["Each"] * 2 * trackedWait
	v["LogMB"] = v["Each"] * v["Line"] / 1e6
	v["AllLogMB"] = manyNew * v["Line"] / 1e6
	v["Workers"] = workersEach
	v["IdleEach"], v["Descriptors"] = idleEach, 2*idleEach
	v["Growth2"] = v["Full2"] / v["Full"]
	return v
}
