package preflight

import "testing"

func TestLimitsHitAreNamed(t *testing.T) {
	g := &Gateway{stats: map[string]uint64{"wildcard_egress.denied.too_many_names": 3, "wildcard_egress.denied.no_rule": 9,
		"dns_cache.wildcard_egress.host_overflow": 1}}
	got, err := checkLimits(g)
	want := "3 too_many_names; 1 names for which the DNS cache had no room (--dns-names): the access log has callers and details; docs/callers.md has what to raise"
	if err != nil || got != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	if got, err := checkLimits(&Gateway{}); got != "none" || err != nil {
		t.Errorf("of a new gateway: %q, %v; want none", got, err)
	}
}
