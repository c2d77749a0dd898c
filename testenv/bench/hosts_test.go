package main

import (
	"slices"
	"testing"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/document"
)

func TestManyHosts(t *testing.T) {
	for _, n := range []int{10, 1000, 1001} {
		hosts := manyHosts(n)
		if unique := slices.Compact(slices.Sorted(slices.Values(hosts))); len(hosts) != n || len(unique) != n {
			t.Errorf("manyHosts(%d) has %d hosts, %d different ones", n, len(hosts), len(unique))
		}
		if at := slices.Index(hosts, "*.wikipedia.org"); at != (n-10)/2 {
			t.Errorf("of %d, *.wikipedia.org is number %d; want it in the middle", n, at)
		}
	}
}

func TestPolicyOfAllowsItsHosts(t *testing.T) {
	hosts := manyHosts(350)
	d, err := document.Parse("policy.yaml", policyOf(hosts, true))
	if err != nil {
		t.Fatal(err)
	}
	if got := len(d.Rules); got != 4 {
		t.Errorf("%d rules, want 4 of up to %d hosts", got, rulesOf)
	}
	p := policy.Compile(d)
	for name, want := range map[string]policy.Action{
		"host-1.wikipedia.org": policy.Allow, "cloud.ibm.com": policy.Allow, "service-1.customer-1.example": policy.Allow,
		"added.example.edu": policy.Deny, "wikipedia.org": policy.Deny,
	} {
		if d := p.Decide(policy.Request{ServerName: name}); d.Action != want {
			t.Errorf("Decide(%q) = %v, want %v", name, d.Action, want)
		}
	}
}
