package preflight

import (
	"fmt"
	"strings"

	"wildcard-egress/bootstrap"
	"wildcard-egress/filter"
	"wildcard-egress/filter/policy"
)

// limitReasons are what connections are refused for that are over a limit.
var limitReasons = []policy.Reason{filter.TooManyNames, filter.TooManyConnections, filter.TooManyNewConnections,
	filter.TooManyWaiting, filter.ConnectionTooLong, filter.TooLittleMemory}

// otherLimits are those of Envoy, and of the log.
var otherLimits = []struct{ stat, said string }{
	{"dns_cache." + bootstrap.ModuleName + ".host_overflow", "names for which the DNS cache had no room (--dns-names)"},
	{"dns_cache." + bootstrap.ModuleName + ".dns_rq_pending_overflow", "look-ups too many at a time"},
	{bootstrap.ModuleName + ".log_lines_left_out", "lines that the access log has not (logged_refusals_per_second)"},
}

// checkLimits says which limits were hit since the gateway started. That is no
// fault: who is at fault stands in the log, with the caller and whose limit it is.
func checkLimits(g *Gateway) (string, error) {
	var seen []string
	for _, reason := range limitReasons {
		if n := g.stats[bootstrap.ModuleName+".denied."+string(reason)]; n > 0 {
			seen = append(seen, fmt.Sprintf("%d %s", n, reason))
		}
	}
	for _, other := range otherLimits {
		if n := g.stats[other.stat]; n > 0 {
			seen = append(seen, fmt.Sprintf("%d %s", n, other.said))
		}
	}
	if len(seen) == 0 {
		return "none", nil
	}
	return strings.Join(seen, "; ") + ": the access log has callers and details; docs/callers.md has what to raise", nil
}
