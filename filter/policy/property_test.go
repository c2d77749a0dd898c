package policy_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"wildcard-egress/filter/policy/internal/reference"
)

func TestDecideAgreesWithNaiveReference(t *testing.T) {
	for seed := range uint64(150) {
		f := reference.Random(rand.New(rand.NewPCG(seed, 0)))
		p := reference.Compile(t, f.Text(t))
		for r := range reference.Requests {
			if got, want := p.Decide(r), f.Decide(r); got != want {
				t.Fatalf("Decide(%+v) = %+v, want %+v; seed %d: %s", r, got, want, seed, f.Text(t))
			}
		}
	}
}

func TestDecideDoesNotDependOnOrder(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 1))
		f := reference.Random(random)
		want := reference.Compile(t, f.Text(t))
		for range 5 {
			f.Rules = slices.Clone(f.Rules)
			random.Shuffle(len(f.Rules), func(i, j int) { f.Rules[i], f.Rules[j] = f.Rules[j], f.Rules[i] })
			for _, rule := range f.Rules {
				random.Shuffle(len(rule.Hosts), func(i, j int) { rule.Hosts[i], rule.Hosts[j] = rule.Hosts[j], rule.Hosts[i] })
			}
			got := reference.Compile(t, f.Text(t))
			for r := range reference.Requests {
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
		p := reference.Compile(t, reference.Random(random).Text(t))
		for r := range reference.Requests {
			if n := testing.AllocsPerRun(3, func() { p.Decide(r) }); n != 0 {
				t.Fatalf("Decide(%+v) allocates %v times, want 0", r, n)
			}
		}
	}
}
