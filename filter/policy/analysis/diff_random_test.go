package analysis_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/analysis"
	"wildcard-egress/filter/policy/internal/reference"
)

// TestCompareFindsEveryChange holds Compare against decisions about many
// requests: each that differs must be one of the changes, and no other.
func TestCompareFindsEveryChange(t *testing.T) {
	differing := 0
	for seed := range uint64(40) {
		differing += compareRandom(t, seed)
	}
	if differing < 500 {
		t.Errorf("only %d requests were decided differently: too few to tell", differing)
	}
}

// compareRandom compares two random policies, and returns how many requests they
// decide differently.
func compareRandom(t *testing.T, seed uint64) (differing int) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 7))
	before := reference.Random(random)
	after := mutated(random, before)
	old, changed := reference.Parse(t, before.Text(t)), reference.Parse(t, after.Text(t))
	got := analysis.Compare(old, changed, analysis.Options{})
	if got.Undecided != nil {
		t.Errorf("seed %d: undecided: %v", seed, got.Undecided)
	}
	p, q := policy.Compile(old), policy.Compile(changed)
	for _, c := range got.Changes {
		if c.Old != p.Decide(c.Example) || c.New != q.Decide(c.Example) || !differs(c.Old, c.New) {
			t.Fatalf("seed %d: %+v is no change", seed, c)
		}
	}
	for r := range reference.Requests {
		a, b := p.Decide(r), q.Decide(r)
		if !differs(a, b) {
			continue
		}
		differing++
		for _, host := range narrowest(r.ServerName, before, after) {
			about := isAbout(r, host)
			if !slices.ContainsFunc(got.Changes, func(c analysis.Change) bool {
				return about(c) && c.Old.Action == a.Action && c.New.Action == b.Action
			}) {
				t.Fatalf("seed %d: %+v under %q: %+v, then %+v; changes:\n%s", seed, r, host, a, b, strings.Join(lines(got), "\n"))
			}
		}
	}
	return differing
}

// Of more edited hosts than it looks at, Compare names or counts the others, and
// what it tells of those is true.
func TestCompareTellsWhatItDidNotLookAt(t *testing.T) {
	left := 0
	for seed := range uint64(70) {
		random := rand.New(rand.NewPCG(seed, 7))
		before := reference.Random(random)
		after := mutated(random, before)
		old, changed := reference.Parse(t, before.Text(t)), reference.Parse(t, after.Text(t))
		all := analysis.Compare(old, changed, analysis.Options{})
		restore := analysis.LookAt(2)
		got := analysis.Compare(old, changed, analysis.Options{})
		restore()
		p, q := policy.Compile(old), policy.Compile(changed)
		for _, c := range got.Changes {
			if c.Old != p.Decide(c.Example) || c.New != q.Decide(c.Example) || !differs(c.Old, c.New) {
				t.Fatalf("seed %d: %+v is no change", seed, c)
			}
		}
		left += len(got.Undecided)
		if len(got.Undecided) == 0 && len(got.Changes) < len(all.Changes) {
			t.Fatalf("seed %d: %d of %d changes, and nothing undecided", seed, len(got.Changes), len(all.Changes))
		}
	}
	if left == 0 {
		t.Error("it looked at all")
	}
}

// differs says what counts as a change of a decision.
func differs(a, b policy.Decision) bool {
	return a.Action != b.Action || a.Port != b.Port || a.CloseOnRevoke != b.CloseOnRevoke && a.Rule != b.Rule && a.Action == policy.Allow
}

// mutated is a policy with one or two rules different.
func mutated(random *rand.Rand, f reference.File) reference.File {
	f.Rules = slices.Clone(f.Rules)
	other := reference.Random(random)
	for range 1 + random.IntN(2) {
		f.Rules[random.IntN(len(f.Rules))] = other.Rules[random.IntN(len(other.Rules))]
	}
	for i := range f.Rules {
		f.Rules[i].Name = string(rune('a' + i))
	}
	if random.IntN(4) == 0 {
		f.Defaults.Mode = other.Defaults.Mode
	}
	return f
}

// isAbout returns whether a change is about r: decided in the same way, of a
// host that matches r and of a principal and a port of the same kind.
func isAbout(r policy.Request, host string) func(analysis.Change) bool {
	return func(c analysis.Change) bool {
		about := host == "" && c.Host == "other" || slices.Contains(strings.Split(c.Host, " and "), host)
		return about && isPort(r.Port, c.Port) && isPrincipal(r.Principal, c.Principal)
	}
}

// narrowest returns the hosts of the files that match a name and that match no
// name which another of these does not, as far as some names tell.
func narrowest(name string, files ...reference.File) (narrow []string) {
	var matching []string
	for _, f := range files {
		for _, rule := range f.Rules {
			for _, host := range rule.Hosts {
				if or(rule.Mode, f.Defaults.Mode) != "shadow" && hostMatches(host, name) && !slices.Contains(matching, host) {
					matching = append(matching, host)
				}
			}
		}
	}
	for _, host := range matching {
		if !slices.ContainsFunc(matching, func(other string) bool { return other != host && seemsWider(host, other) }) {
			narrow = append(narrow, host)
		}
	}
	if len(matching) == 0 {
		return []string{""}
	}
	return narrow
}

func seemsWider(wide, narrow string) bool {
	for r := range reference.Requests {
		if hostMatches(narrow, r.ServerName) && !hostMatches(wide, r.ServerName) {
			return false
		}
	}
	return true
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func hostMatches(host, name string) bool {
	return reference.Specificity(reference.Rule{Hosts: []string{host}}, name) >= 0
}

func isPort(port uint16, label string) bool {
	switch {
	case port == 0 || label == "unknown":
		return port == 0 && label == "unknown"
	case label != "other":
		return label == fmt.Sprint(port)
	}
	return true // of a port that no rule of the name lists
}

func isPrincipal(principal, label string) bool {
	switch {
	case label == "any" || label == "other":
		return true // which the hosts tell
	case principal == "" || label == "unknown":
		return principal == "" && label == "unknown"
	}
	return reference.GlobMatches(label, '/', principal)
}
