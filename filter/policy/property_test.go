package policy_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"

	"wildcard-egress/filter/policy"
)

var (
	someHosts = []string{
		"example.com", "a.example.com", "b.a.example.com", "*.example.com", "*.a.example.com", "*",
		"a*.example.com", "*b.example.com", "*.a*.example.com", "*.*.example.com", "a.*.example.com",
		"{a,b}.example.com", "{a,b.*}.a.example.com", "?.example.com", "[a-b]*.example.com", "[!a].example.com",
		"**a.example.com", "a**b.example.com", "a-*.example.com", "*-a.*.example.com", "*.com", "com", "*.co.uk", "example.co.uk",
		"a-very-long-label-indeed.example.com", "*.a-very-long-label-indeed.example.com",
	}
	someNames = []string{
		"example.com", "com", "a.example.com", "b.example.com", "ab.example.com", "aab.example.com", "c.example.com", "a-b.example.com", "b-a.a-b.example.com", "a--a.example.com",
		"a.a.example.com", "b.a.example.com", "a.b.example.com", "c.b.a.example.com", "a.x.b.example.com",
		"b.a.b.a.example.com", "xexample.com", "a.xexample.com", "example.co.uk", "a.co.uk", "uk", "example.org",
		"a-very-long-label-indeed.example.com", "a-very-long-label-indeeed.example.com", "a.a-very-long-label-indeed.example.com",
	}
	somePrincipals = []string{
		"spiffe://cluster.local/ns/a/sa/one", "spiffe://cluster.local/ns/a/sa/two", "spiffe://cluster.local/ns/b/sa/one",
		"spiffe://cluster.local/ns/a/sa/*", "spiffe://cluster.local/ns/*/sa/one", "spiffe://cluster.local/**",
		"spiffe://cluster.local/ns/{a,b}/sa/o?e",
	}
	someCallers = []string{
		"", "spiffe://cluster.local/ns/a/sa/one", "spiffe://cluster.local/ns/a/sa/two", "spiffe://cluster.local/ns/b/sa/one",
		"spiffe://cluster.local/ns/a/b/sa/one", "spiffe://other/ns/a/sa/one",
	}
	somePorts = []uint16{443, 8443, 80}
)

func randomFile(random *rand.Rand) file {
	f := file{Version: 1, Defaults: defaults{
		Mode:     pick(random, "", "", "enforce", "shadow"),
		OnRevoke: pick(random, "", "keep", "close"),
		Ports:    some(random, somePorts, 2),
	}}
	for i := range 1 + random.IntN(7) {
		f.Rules = append(f.Rules, fileRule{
			Name:       string(rune('a' + i)),
			Action:     pick(random, "", "allow", "deny"),
			Mode:       pick(random, "", "", "enforce", "shadow"),
			OnRevoke:   pick(random, "", "keep", "close"),
			Hosts:      append(some(random, someHosts, 3), pick(random, "only-"+string(rune('a'+i))+".example.com")),
			Principals: some(random, somePrincipals, 2),
			Ports:      some(random, somePorts, 3),
		})
	}
	return f
}

func pick[T any](random *rand.Rand, from ...T) T { return from[random.IntN(len(from))] }

// some picks up to n different elements.
func some[T any](random *rand.Rand, from []T, n int) (picked []T) {
	for _, i := range random.Perm(len(from))[:random.IntN(n+1)] {
		picked = append(picked, from[i])
	}
	return picked
}

func compileFile(t *testing.T, f file) *policy.Policy {
	t.Helper()
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return compile(t, string(text))
}

func everyRequest(yield func(policy.Request) bool) {
	for _, name := range someNames {
		for _, caller := range someCallers {
			for _, port := range append([]uint16{0, 22}, somePorts...) {
				if !yield(policy.Request{ServerName: name, Principal: caller, Port: port}) {
					return
				}
			}
		}
	}
}

func TestDecideAgreesWithNaiveReference(t *testing.T) {
	for seed := range uint64(150) {
		f := randomFile(rand.New(rand.NewPCG(seed, 0)))
		p := compileFile(t, f)
		for r := range everyRequest {
			if got, want := p.Decide(r), f.decide(r); got != want {
				text, _ := json.MarshalIndent(f, "", "  ")
				t.Fatalf("Decide(%+v) = %+v, want %+v; seed %d: %s", r, got, want, seed, text)
			}
		}
	}
}

func TestDecideDoesNotDependOnOrder(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 1))
		f := randomFile(random)
		want := compileFile(t, f)
		for range 5 {
			f.Rules = slices.Clone(f.Rules)
			random.Shuffle(len(f.Rules), func(i, j int) { f.Rules[i], f.Rules[j] = f.Rules[j], f.Rules[i] })
			for _, rule := range f.Rules {
				random.Shuffle(len(rule.Hosts), func(i, j int) { rule.Hosts[i], rule.Hosts[j] = rule.Hosts[j], rule.Hosts[i] })
			}
			got := compileFile(t, f)
			for r := range everyRequest {
				if before, after := want.Decide(r), got.Decide(r); before != after {
					t.Fatalf("seed %d: Decide(%+v) = %+v, after a permutation %+v", seed, r, before, after)
				}
			}
		}
	}
}

func TestDecideDoesNotAllocate(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	for range 20 {
		p := compileFile(t, randomFile(random))
		for r := range everyRequest {
			if n := testing.AllocsPerRun(3, func() { p.Decide(r) }); n != 0 {
				t.Fatalf("Decide(%+v) allocates %v times, want 0", r, n)
			}
		}
	}
}
