package logs

import (
	"fmt"
	"testing"
	"time"

	"wildcard-egress/accesslog"
)

func TestRatesAreDifferences(t *testing.T) {
	allow, deny := RateKey{Decision: "allow", Rule: "a"}, RateKey{Decision: "deny", Reason: "no_rule"}
	again := RateKey{Decision: "deny", Reason: "timeout"}
	rates := Rates(Counts{allow: 10, again: 100}, Counts{allow: 20, again: 100}, Counts{allow: 24, deny: 6, again: 2}, 2*time.Second)
	got := ""
	for _, r := range rates {
		got += fmt.Sprintf("%s%s %.1f %d\n", r.Decision, r.Reason, r.PerSecond, r.Total)
	}
	if want := "denyno_rule 3.0 6\nallow 2.0 14\ndenytimeout 1.0 2\n"; got != want {
		t.Errorf("rates:\n%s\nwant:\n%s", got, want)
	}
}

func TestCountsOfAnAdminInterface(t *testing.T) {
	got := ParseCounters([]byte("wildcard_egress.allowed: 7\nwildcard_egress.denied.no_rule: 3\nwildcard_egress.failed.dns_empty: 1\nother.allowed: 9\n"))
	want := Counts{{Decision: "allow"}: 7, {Decision: "deny", Reason: "no_rule"}: 3, {Decision: "allow", Reason: "dns_empty"}: 1}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("counters %v, want %v", got, want)
	}
	got = ParseRules([]byte(`# TYPE envoy_wildcard_egress_connections counter
envoy_wildcard_egress_connections{decision="allow",reason="",rule="a",mode="enforce"} 4
envoy_wildcard_egress_connections{decision="deny",reason="",rule="b",mode="shadow"} 4
envoy_wildcard_egress_connections{rule="",reason="no_rule",decision="deny",mode="enforce"} 2
envoy_wildcard_egress_connections_other{rule=""} 2
`))
	want = Counts{{Decision: "allow", Rule: "a"}: 4, {Decision: "deny", Reason: "no_rule"}: 2}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("rules %v, want %v", got, want)
	}
}

func TestCounterIsBounded(t *testing.T) {
	var c Counter
	for i := range 3 * maxRateKeys {
		c.Add(&accesslog.Entry{Decision: "deny", Reason: fmt.Sprint(i)})
	}
	if n := len(c.Counts()); n > maxRateKeys+1 {
		t.Errorf("%d keys", n)
	}
}
