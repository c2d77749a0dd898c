package logs

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"wildcard-egress/accesslog"
)

// RateKey is what connections are counted by.
type RateKey struct {
	Decision string `json:"decision"` // allow, deny, or empty: none was made
	Rule     string `json:"rule"`
	Reason   string `json:"reason"`
}

// Counts are connections by key, since some time.
type Counts map[RateKey]uint64

// Rate is how many connections there were in a time.
type Rate struct {
	RateKey
	PerSecond float64 `json:"per_second"`
	Total     uint64  `json:"total"` // since the first look
}

// maxRateKeys bounds the keys of a log: rules and reasons are the policy's and
// ours, but a log may be anybody's.
const maxRateKeys = 4096

// Counter counts the lines of a log. Its zero value is ready; it is safe for use by
// several goroutines.
type Counter struct {
	mu     sync.Mutex
	counts Counts
}

// Add counts a connection at its end.
func (c *Counter) Add(e *accesslog.Entry) {
	if !e.IsConnection() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = Counts{}
	}
	key := RateKey{e.Decision, e.Rule, e.Reason}
	if _, known := c.counts[key]; !known && len(c.counts) >= maxRateKeys {
		key = RateKey{Reason: "(more kinds than can be told apart)"}
	}
	c.counts[key]++
}

// Counts returns a copy.
func (c *Counter) Counts() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.counts)
}

// Rates are the differences between two looks, the highest first. Counters that
// went down began anew.
func Rates(first, before, now Counts, elapsed time.Duration) []Rate {
	rates := []Rate{}
	since := func(then, now uint64) uint64 {
		if now < then {
			return now
		}
		return now - then
	}
	for key, n := range now {
		r := Rate{RateKey: key, Total: since(first[key], n)}
		if r.Total == 0 {
			continue
		}
		r.PerSecond = float64(since(before[key], n)) / max(elapsed.Seconds(), 0.001)
		rates = append(rates, r)
	}
	slices.SortFunc(rates, func(a, b Rate) int {
		return cmp.Or(cmp.Compare(b.PerSecond, a.PerSecond), cmp.Compare(b.Total, a.Total),
			cmp.Compare(a.Decision, b.Decision), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Reason, b.Reason))
	})
	return rates
}

// AskCounters is the path of Envoy's admin interface that ParseCounters reads.
const AskCounters = `/stats?filter=^wildcard_egress\.(allowed|denied\.|failed\.)`

// AskRules is the path that ParseRules reads.
const AskRules = `/stats/prometheus?filter=^wildcard_egress\.connections`

var counterLine = regexp.MustCompile(`(?m)^wildcard_egress\.(allowed|denied|failed)(?:\.([a-z0-9_]+))?: (\d+)$`)

// ParseCounters reads the answer to AskCounters: by decision and reason.
func ParseCounters(text []byte) Counts {
	counts := Counts{}
	for _, m := range counterLine.FindAllSubmatch(text, -1) {
		n, err := strconv.ParseUint(string(m[3]), 10, 64)
		if err != nil {
			continue
		}
		key := RateKey{Decision: accesslog.Allow, Reason: string(m[2])}
		if string(m[1]) == "denied" {
			key.Decision = accesslog.Deny
		}
		counts[key] = n
	}
	return counts
}

var (
	ruleLine = regexp.MustCompile(`(?m)^envoy_wildcard_egress_connections\{(.*)\} (\d+)$`)
	label    = regexp.MustCompile(`([a-z_]+)="([^"\\]*)"`)
)

// ParseRules reads the answer to AskRules: by rule too, where the gateway has such
// metrics; else it is empty.
func ParseRules(text []byte) Counts {
	counts := Counts{}
	for _, m := range ruleLine.FindAllSubmatch(text, -1) {
		labels := map[string]string{}
		for _, l := range label.FindAllSubmatch(m[1], -1) {
			labels[string(l[1])] = strings.ToValidUTF8(string(l[2]), "")
		}
		n, err := strconv.ParseUint(string(m[2]), 10, 64)
		if err == nil && labels["mode"] != "shadow" {
			counts[RateKey{labels["decision"], labels["rule"], labels["reason"]}] += n
		}
	}
	return counts
}
