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

func lines(c analysis.Comparison) (text []string) {
	for _, change := range c.Changes {
		text = append(text, fmt.Sprintf("%s %s %s %v -> %v", change.Host, change.Principal, change.Port, change.Old.Action, change.New.Action))
	}
	return text
}

func TestCompare(t *testing.T) {
	rules := func(rules string) string { return "version: 1\nrules:\n" + rules }
	const someone = "spiffe://a/ns/b/sa/c"
	for name, tt := range map[string]struct {
		old, new string
		want     []string
	}{
		"same rules in another order": {
			old: rules("- {name: a, hosts: [a.com]}\n- {name: b, hosts: ['*.a.com']}"),
			new: rules("- {name: b, hosts: ['*.a.com']}\n- {name: a, hosts: [a.com]}"),
		},
		"new host": {
			old:  rules("- {name: a, hosts: [a.com]}"),
			new:  rules("- {name: a, hosts: [a.com, b.com]}"),
			want: []string{"b.com any 443 deny -> allow", "b.com any unknown deny -> allow"},
		},
		"new host that was allowed by a wider one": {
			old: rules("- {name: a, hosts: ['*.a.com']}"),
			new: rules("- {name: a, hosts: ['*.a.com', b.a.com]}"),
		},
		"wildcard gone, but not the host below it": {
			old:  rules("- {name: a, hosts: ['*.a.com', b.a.com]}"),
			new:  rules("- {name: a, hosts: [b.a.com]}"),
			want: []string{"*.a.com any 443 allow -> deny", "*.a.com any unknown allow -> deny"},
		},
		"deny under a wildcard": {
			old:  rules("- {name: a, hosts: ['*.a.com']}"),
			new:  rules("- {name: a, hosts: ['*.a.com']}\n- {name: b, action: deny, hosts: [b.a.com]}"),
			want: []string{"b.a.com any 443 allow -> deny", "b.a.com any unknown allow -> deny"},
		},
		"for one principal now": {
			old:  rules("- {name: a, hosts: [a.com]}"),
			new:  rules("- {name: a, hosts: [a.com], principals: ['" + someone + "']}"),
			want: []string{"a.com other 443 allow -> deny", "a.com other unknown allow -> deny", "a.com unknown 443 allow -> deny", "a.com unknown unknown allow -> deny"},
		},
		"further port": {
			old:  rules("- {name: a, hosts: [a.com]}"),
			new:  rules("- {name: a, hosts: [a.com], ports: [443, 80]}"),
			want: []string{"a.com any 80 deny -> allow"},
		},
		"other first port": {
			old:  rules("- {name: a, hosts: [a.com], ports: [80, 443]}"),
			new:  rules("- {name: a, hosts: [a.com], ports: [443, 80]}"),
			want: []string{"a.com any unknown allow -> allow"},
		},
		"deny by a glob inside a wildcard": {
			old:  rules("- {name: a, hosts: ['*.a.com']}"),
			new:  rules("- {name: a, hosts: ['*.a.com']}\n- {name: b, action: deny, hosts: ['x*.a.com']}"),
			want: []string{"x*.a.com any 443 allow -> deny", "x*.a.com any unknown allow -> deny"},
		},
		"glob that ends with a hyphen and a star": {
			old:  rules("- {name: a, hosts: [a.com]}"),
			new:  rules("- {name: a, hosts: [a.com, 'mirror-*.a.com']}"),
			want: []string{"mirror-*.a.com any 443 deny -> allow", "mirror-*.a.com any unknown deny -> allow"},
		},
		"wildcard that a glob further up denies in part": {
			old:  rules("- {name: a, hosts: ['*.a.b.com']}\n- {name: b, action: deny, hosts: ['x**.b.com']}"),
			new:  rules("- {name: b, action: deny, hosts: ['x**.b.com']}"),
			want: []string{"*.a.b.com any 443 allow -> deny", "*.a.b.com any unknown allow -> deny"},
		},
		"overlap of two globs": {
			old:  rules("- {name: a, hosts: ['a*.a.com']}\n- {name: b, action: deny, hosts: ['*b.a.com']}"),
			new:  rules("- {name: a, hosts: ['a*.a.com']}\n- {name: b, action: deny, hosts: ['*b.a.com'], ports: [80]}"),
			want: []string{"*b.a.com and a*.a.com any 443 deny -> allow"},
		},
		"shadow default": {
			old:  "{version: 1, rules: [{name: a, hosts: [a.com]}]}",
			new:  "{version: 1, defaults: {mode: shadow}, rules: [{name: a, hosts: [a.com]}]}",
			want: []string{"a.com any other deny -> allow", "other any other deny -> allow", "other any unknown deny -> allow"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := analysis.Compare(reference.Parse(t, tt.old), reference.Parse(t, tt.new))
			if !slices.Equal(lines(got), tt.want) || got.Incomplete != nil {
				t.Errorf("changes %q, want %q; incomplete %v", lines(got), tt.want, got.Incomplete)
			}
		})
	}
}

// TestCompareFindsEveryChange holds Compare against decisions about many
// requests: each that differs must be one of the changes, and no other.
func TestCompareFindsEveryChange(t *testing.T) {
	differing := 0
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 7))
		before := reference.Random(random)
		after := mutated(random, before)
		old, changed := reference.Parse(t, before.Text(t)), reference.Parse(t, after.Text(t))
		got := analysis.Compare(old, changed)
		if got.Incomplete != nil {
			t.Errorf("seed %d: incomplete for %v", seed, got.Incomplete)
		}
		p, q := policy.Compile(old), policy.Compile(changed)
		for _, c := range got.Changes {
			if c.Old != p.Decide(c.Example) || c.New != q.Decide(c.Example) || c.Old.Action == c.New.Action && c.Old.Port == c.New.Port {
				t.Errorf("seed %d: %+v is no change", seed, c)
			}
		}
		for r := range reference.Requests {
			a, b := p.Decide(r), q.Decide(r)
			if (a.Action != b.Action || a.Port != b.Port) != slices.ContainsFunc(got.Changes, isAbout(r, before, after)) {
				t.Fatalf("seed %d: %+v: %+v, then %+v; changes:\n%s", seed, r, a, b, strings.Join(lines(got), "\n"))
			}
			if a.Action != b.Action {
				differing++
			}
		}
	}
	if differing < 500 {
		t.Errorf("only %d requests were decided differently: too few to tell", differing)
	}
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

// isAbout returns whether a change is about r: its example matches the same
// hosts and principals of both files and has a port of the same kind.
func isAbout(r policy.Request, files ...reference.File) func(analysis.Change) bool {
	return func(c analysis.Change) bool {
		for _, f := range files {
			for _, rule := range f.Rules {
				for _, host := range rule.Hosts {
					if hostMatches(host, r.ServerName) != hostMatches(host, c.Example.ServerName) {
						return false
					}
				}
			}
		}
		return samePort(r, c, files) && samePrincipal(r, c, files)
	}
}

func hostMatches(host, name string) bool {
	return reference.Specificity(reference.Rule{Hosts: []string{host}}, name) >= 0
}

func samePort(r policy.Request, c analysis.Change, files []reference.File) bool {
	if r.Port == c.Example.Port || r.Port == 0 || c.Example.Port == 0 {
		return r.Port == c.Example.Port
	}
	for _, f := range files {
		for _, rule := range f.Rules {
			everyPort := rule.Action == "deny" && rule.Ports == nil
			if reference.Specificity(rule, r.ServerName) < 0 || everyPort {
				continue
			}
			if ports := f.PortsOf(rule); slices.Contains(ports, r.Port) || slices.Contains(ports, c.Example.Port) {
				return false
			}
		}
	}
	return true
}

func samePrincipal(r policy.Request, c analysis.Change, files []reference.File) bool {
	if c.Principal == "any" {
		return true
	}
	if r.Principal == "" || c.Example.Principal == "" {
		return r.Principal == c.Example.Principal
	}
	for _, f := range files {
		for _, rule := range f.Rules {
			for _, p := range rule.Principals {
				if reference.Specificity(rule, r.ServerName) >= 0 && reference.GlobMatches(p, '/', r.Principal) != reference.GlobMatches(p, '/', c.Example.Principal) {
					return false
				}
			}
		}
	}
	return true
}
