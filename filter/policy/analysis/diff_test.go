package analysis_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

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
			got := analysis.Compare(reference.Parse(t, tt.old), reference.Parse(t, tt.new), analysis.Options{})
			if !slices.Equal(lines(got), tt.want) || got.Undecided != nil {
				t.Errorf("changes %q, want %q; undecided %v", lines(got), tt.want, got.Undecided)
			}
		})
	}
}

// What overlaps in more ways than can be tried is told all the same, and at once.
func TestCompareAmongManyOverlaps(t *testing.T) {
	list := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format+", ", string(rune('a'+i/26))+string(rune('a'+i%26)))
		}
		return b.String()
	}
	for name, tt := range map[string]struct {
		rule, entry string // entry is repeated, and once less in the new policy
		entries     int
		want        []string
	}{
		"globs": {
			rule: `{name: a, hosts: [%s]}`, entry: `"*n%sn*.example.com"`, entries: 16,
			want: []string{"*napn*.example.com any 443 allow -> deny", "*napn*.example.com any unknown allow -> deny"},
		},
		"globs over labels, with braces": {
			rule: `{name: a, hosts: [%s]}`, entry: `"{x,y*}**n%sn**.{a,b}.example.com"`, entries: 40,
			want: []string{"{x,y*}**nbnn**.{a,b}.example.com any 443 allow -> deny", "{x,y*}**nbnn**.{a,b}.example.com any unknown allow -> deny"},
		},
		"principals": {
			rule: `{name: a, hosts: [a.com], principals: [%s]}`, entry: `"spiffe://cluster.local/ns/%s/sa/*"`, entries: 50,
			want: []string{"a.com spiffe://cluster.local/ns/bx/sa/* 443 allow -> deny", "a.com spiffe://cluster.local/ns/bx/sa/* unknown allow -> deny"},
		},
		"principals that overlap, under a glob": {
			rule: `{name: a, hosts: ["*-x.a.com", "y-*.a.com"], principals: [%s]}`, entry: `"spiffe://cluster.local/ns/*n%sn*/sa/*"`, entries: 50,
			want: []string{
				"*-x.a.com spiffe://cluster.local/ns/*nbxn*/sa/* 443 allow -> deny", "*-x.a.com spiffe://cluster.local/ns/*nbxn*/sa/* unknown allow -> deny",
				"y-*.a.com spiffe://cluster.local/ns/*nbxn*/sa/* 443 allow -> deny", "y-*.a.com spiffe://cluster.local/ns/*nbxn*/sa/* unknown allow -> deny",
			},
		},
		"denies": {
			rule: "{name: a, hosts: [\"*.a.com\"]}\n- {name: b, action: deny, hosts: [%s]}", entry: `"*n%sn*.a.com"`, entries: 30,
			want: []string{"*nbdn*.a.com any 443 deny -> allow", "*nbdn*.a.com any unknown deny -> allow"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			text := func(n int) string {
				return "version: 1\nrules:\n- " + fmt.Sprintf(tt.rule, list(n, tt.entry))
			}
			got := analysis.Compare(reference.Parse(t, text(tt.entries)), reference.Parse(t, text(tt.entries-1)), analysis.Options{})
			if !slices.Equal(lines(got), tt.want) || got.Undecided != nil {
				t.Errorf("changes %q, want %q; undecided %v", lines(got), tt.want, got.Undecided)
			}
		})
	}
}

// A comparison that runs out of time says what is open.
func TestCompareSaysWhatIsOpen(t *testing.T) {
	old := reference.Parse(t, "version: 1\nrules:\n- {name: a, hosts: [a.com, b.com]}")
	changed := reference.Parse(t, "version: 1\nrules:\n- {name: a, hosts: [c.com]}")
	got := analysis.Compare(old, changed, analysis.Options{Limit: 1})
	want := []analysis.Undecided{{Host: "a.com"}, {Host: "b.com"}, {Host: "c.com"}}
	if !slices.Equal(got.Undecided, want) || got.Changes != nil {
		t.Errorf("undecided %v, want %v; changes %v", got.Undecided, want, got.Changes)
	}
}

func TestCompareTellsSettings(t *testing.T) {
	old := reference.Parse(t, "{version: 1, rules: [{name: a, hosts: [a.com]}, {name: b, mode: shadow, hosts: [b.com, c.com], ports: [80]}, {name: c, mode: shadow, hosts: [a.com]}]}")
	changed := reference.Parse(t, `{version: 1, defaults: {mode: shadow, on_revoke: close, client_hello_timeout: 2s, max_client_hello_bytes: 600, refuse_ech: true, refusal: reset},
		rules: [{name: a, mode: enforce, hosts: [a.com]}, {name: b, action: deny, hosts: [c.com, d.com]}, {name: d, hosts: [a.com]}]}`)
	var got []string
	for _, s := range analysis.Compare(old, changed, analysis.Options{}).Settings {
		got = append(got, fmt.Sprintf("%s: %s -> %s", s.Setting, s.Old, s.New))
	}
	want := []string{
		"defaults.mode: enforce -> shadow", "defaults.on_revoke: keep -> close", "defaults.client_hello_timeout: 5s -> 2s",
		"defaults.max_client_hello_bytes: 16384 -> 600", "defaults.refuse_ech: false -> true", "defaults.refusal: alert -> reset", "defaults.limits.mode: enforce -> shadow",
		"rules.a.on_revoke: keep -> close", "rules.b.on_revoke: keep -> close", "rules.b.action: allow -> deny", "rules.b.hosts: b.com -> d.com",
		"rules.b.ports: 80 -> ", "rules.c.mode: shadow -> ", "rules.d.mode:  -> shadow",
	}
	if !slices.Equal(got, want) {
		t.Errorf("settings %q, want %q", got, want)
	}
}
