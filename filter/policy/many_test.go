package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/internal/reference"
)

// Among many hosts the table has long chains, and labels of the same length
// under the same domain.
func TestDecideAmongManyHosts(t *testing.T) {
	host := func(i int) string {
		return fmt.Sprintf("%s%04d.example.com", []string{"short", "a-label-beyond-a-node-"}[i%2], i)
	}
	var text strings.Builder
	text.WriteString("version: 1\nrules:\n- name: a\n  hosts:\n")
	const n = 4000
	for i := 0; i < n; i += 4 {
		fmt.Fprintf(&text, "  - %s\n  - %s\n", host(i), host(i+1))
	}
	p := reference.Compile(t, text.String())
	for i := range n {
		want := policy.Decision{Reason: policy.NoRule}
		if i%4 < 2 {
			want = policy.Decision{Action: policy.Allow, Rule: "a", Port: 443}
		}
		if got := p.Decide(policy.Request{ServerName: host(i)}); got != want {
			t.Fatalf("Decide(%q) = %+v, want %+v", host(i), got, want)
		}
	}
}

// Globs with the same ends are looked up by what they have in the middle.
func TestDecideAmongManyGlobs(t *testing.T) {
	var text strings.Builder
	text.WriteString("version: 1\nrules:\n- {name: open, hosts: [\"*-?-*.example.com\", \"*[0-1]x*.example.com\"]}\n")
	const n = 60
	for i := range n {
		fmt.Fprintf(&text, "- {name: rule-%d, hosts: [\"*.*-%d-*.example.com\", \"*m%d?m%d*.example.com\"]}\n", i, i, i, i)
	}
	p := reference.Compile(t, text.String())
	for i := range n {
		for name, want := range map[string]string{
			fmt.Sprintf("x.y-%d-z.example.com", i):        fmt.Sprintf("rule-%d", i),
			fmt.Sprintf("am%d-m%db.example.com", i, i):    fmt.Sprintf("rule-%d", i),
			fmt.Sprintf("m%d-m%d.example.com", i, i):      fmt.Sprintf("rule-%d", i),
			fmt.Sprintf("m%d-m%d.example.com", i+n, i+n):  "",
			fmt.Sprintf("y-%d-z.x.example.com", i):        "",
			fmt.Sprintf("a%d1x.example.com", i):           "open",
			fmt.Sprintf("am%d-m%db.y.example.com", i, i):  "",
			fmt.Sprintf("am%d.m%db.example.com", i, i):    "",
			fmt.Sprintf("am%d-n%db.example.com", i, i):    "",
			fmt.Sprintf("am%d-m%d-1-b.example.com", i, n): "open",
		} {
			if got := p.Decide(policy.Request{ServerName: name}); got.Rule != want {
				t.Errorf("Decide(%q) is by rule %q, want %q", name, got.Rule, want)
			}
		}
	}
}
