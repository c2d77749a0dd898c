package policy_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/document"
	"wildcard-egress/filter/policy/internal/reference"
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
		p := reference.Compile(b, manyHosts(n))
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
		{name: "one suffix, own middles", host: "*service-%d*.example.com", serverName: "blue-service-%d-a.example.com"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			var text strings.Builder
			text.WriteString("version: 1\nrules:\n- name: globs\n  hosts:\n")
			for i := range globs {
				fmt.Fprintf(&text, "  - \""+bench.host+"\"\n", i)
			}
			p := reference.Compile(b, text.String())
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

// BenchmarkDecideHostileName has names that were made to cost most: as many
// labels and bytes as possible, nearly matching.
func BenchmarkDecideHostileName(b *testing.B) {
	p := reference.Compile(b, `
version: 1
rules:
- name: globs
  hosts: ["**a**a**a*a*b.example.com", "{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}*b.example.com", "*.a*.*.a.example.com", "*.a.a.a.a.a.a.a.a.example.com"]
`)
	for name, head := range map[string]string{
		"most labels": strings.Repeat("a.", 119), "longest labels": strings.Repeat(strings.Repeat("a", 60)+".", 3),
	} {
		b.Run(name, func(b *testing.B) {
			r := policy.Request{ServerName: head + "c.example.com"}
			b.ReportAllocs()
			for b.Loop() {
				if d := p.Decide(r); d.Action != policy.Deny {
					b.Fatalf("Decide(%q) = %v, want deny", r.ServerName, d)
				}
			}
		})
	}
}

// BenchmarkDecideAmongRules has one host in many rules, one for each workload.
func BenchmarkDecideAmongRules(b *testing.B) {
	for _, rules := range []int{1, 100, 1_000} {
		b.Run("rules="+strconv.Itoa(rules), func(b *testing.B) {
			var text strings.Builder
			text.WriteString("version: 1\nrules:\n")
			for i := range rules {
				fmt.Fprintf(&text, "- {name: rule-%d, hosts: [api.example.com], principals: [\"spiffe://cluster.local/ns/team-%d/sa/*\"]}\n", i, i)
			}
			p := reference.Compile(b, text.String())
			r := policy.Request{ServerName: "api.example.com", Principal: fmt.Sprintf("spiffe://cluster.local/ns/team-%d/sa/api", rules/2)}
			b.ReportAllocs()
			for b.Loop() {
				if d := p.Decide(r); d.Action != policy.Allow {
					b.Fatalf("Decide = %v, want allow", d)
				}
			}
		})
	}
}

// BenchmarkCompile reports the time to compile a parsed policy and the memory
// that the compiled one keeps.
func BenchmarkCompile(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		b.Run("entries="+strconv.Itoa(n), func(b *testing.B) {
			d, err := document.Parse("policy.yaml", []byte(manyHosts(n)))
			if err != nil {
				b.Fatal(err)
			}
			before := heap()
			p := policy.Compile(d)
			kept := heap() - before
			for b.Loop() {
				policy.Compile(d)
			}
			b.ReportMetric(float64(kept)/(1<<20), "kept-MB")
			runtime.KeepAlive(p)
			runtime.KeepAlive(d)
		})
	}
}

func BenchmarkParse(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		text := []byte(manyHosts(n))
		b.Run("entries="+strconv.Itoa(n), func(b *testing.B) {
			for b.Loop() {
				if _, err := document.Parse("policy.yaml", text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// heap returns the bytes that are in use after a collection; the second one
// empties what pools still hold.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
