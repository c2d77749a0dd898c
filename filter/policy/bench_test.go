package policy_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"wildcard-egress/filter/policy"
)

// manyHosts is a policy of n hosts, half of them exact, half of them
// wildcards, spread over 100 rules.
func manyHosts(n int) string {
	var b strings.Builder
	b.WriteString("version: 1\nrules:\n")
	rules := min(n, 100)
	for r := range rules {
		fmt.Fprintf(&b, "- name: rule-%d\n  hosts:\n", r)
		for i := r; i < n; i += rules {
			wildcard := ""
			if i%2 == 1 {
				wildcard = "*."
			}
			fmt.Fprintf(&b, "  - \"%shost%07d.example.com\"\n", wildcard, i)
		}
	}
	return b.String()
}

func compile(tb testing.TB, text string) *policy.Policy {
	tb.Helper()
	d, err := policy.Parse("policy.yaml", []byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return d.Compile()
}

// appendName writes the name that entry i of manyHosts matches. Names are
// made anew for each decision, as on the wire, so that a large policy is
// missed in the caches as it would be there.
func appendName(name []byte, i int) []byte {
	name = name[:0]
	if i%2 == 1 {
		name = append(name, "api."...)
	}
	name = append(name, "host"...)
	for digit := 1_000_000; digit > 0; digit /= 10 {
		name = append(name, byte('0'+i/digit%10))
	}
	return append(name, ".example.com"...)
}

func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{10, 1_000, 100_000, 1_000_000} {
		p := compile(b, manyHosts(n))
		runtime.GC()
		for _, bench := range []struct {
			name  string
			entry func(*rand.Rand) int
			want  policy.Action
		}{
			{name: "exact", entry: func(r *rand.Rand) int { return r.IntN(n) &^ 1 }, want: policy.Allow},
			{name: "wildcard", entry: func(r *rand.Rand) int { return r.IntN(n) | 1 }, want: policy.Allow},
			{name: "unlisted", entry: func(r *rand.Rand) int { return n + r.IntN(n) }, want: policy.Deny},
		} {
			b.Run(bench.name+"/entries="+strconv.Itoa(n), func(b *testing.B) {
				random := rand.New(rand.NewPCG(1, 2))
				buffer := make([]byte, 0, 64)
				b.ReportAllocs()
				for b.Loop() {
					buffer = appendName(buffer, bench.entry(random))
					r := policy.Request{ServerName: string(buffer)}
					if d := p.Decide(r); d.Action != bench.want {
						b.Fatalf("Decide(%q) = %v, want %v", buffer, d, bench.want)
					}
				}
			})
		}
	}
}

func BenchmarkDecideByGlob(b *testing.B) {
	const globs = 10_000
	for _, bench := range []struct {
		name       string
		host       string // of glob %d
		serverName string // that glob %d matches
	}{
		{name: "own suffixes", host: "ec2.*.region-%d.example.com", serverName: "ec2.eu.region-%d.example.com"},
		{name: "one suffix, own beginnings", host: "service-%d-*.example.com", serverName: "service-%d-blue.example.com"},
		{name: "one suffix, own ends", host: "*-service-%d.example.com", serverName: "blue-service-%d.example.com"},
		{name: "one suffix, one beginning, own ends", host: "service-*-%d.example.com", serverName: "service-blue-%d.example.com"},
		{name: "braces", host: "{a,b}-%d.{eu,us}.example.com", serverName: "b-%d.us.example.com"},
		{name: "own middles only", host: "*service-%d*.example.com", serverName: "blue-service-%d-a.example.com"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			var text strings.Builder
			text.WriteString("version: 1\nrules:\n- name: globs\n  hosts:\n")
			for i := range globs {
				fmt.Fprintf(&text, "  - \""+bench.host+"\"\n", i)
			}
			p := compile(b, text.String())
			names := make([]string, globs)
			for i := range names {
				names[i] = fmt.Sprintf(bench.serverName, i)
			}
			runtime.GC()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				name := names[i*7919%globs]
				if d := p.Decide(policy.Request{ServerName: name}); d.Action != policy.Allow {
					b.Fatalf("Decide(%q) = %v, want allow", name, d)
				}
			}
		})
	}
}
