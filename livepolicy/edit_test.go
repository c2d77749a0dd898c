package livepolicy_test

import (
	"fmt"
	"strings"
	"testing"

	"wildcard-egress/livepolicy"
)

// told returns what the change from one policy to the next says of it.
func editOf(t *testing.T, old, now string) string {
	t.Helper()
	var last livepolicy.Change
	r := &livepolicy.Registry{OnChange: func(c livepolicy.Change) { last = c }}
	settled(r, "egress", old)
	if last.Edit != nil {
		t.Error("the first policy changes something")
	}
	settled(r, "egress", now)
	e := last.Edit
	if e == nil {
		return "nothing"
	}
	return fmt.Sprintf("rules +%v -%v ~%v; hosts +%v -%v; %s", e.RulesAdded, e.RulesRemoved, e.RulesModified,
		e.HostsAdded, e.HostsRemoved, strings.Join(e.Opens, "; "))
}

func TestChangeOfThePolicyIsSaid(t *testing.T) {
	const old = "version: 1\nrules:\n" +
		"- {name: a, hosts: [a.example.com, b.example.com]}\n" +
		"- {name: p, principals: [spiffe://td/a], hosts: [p.example.com]}\n" +
		"- {name: d, action: deny, hosts: [d.example.com]}\n"
	for name, tt := range map[string]struct{ now, want string }{
		"a host more and one less": {
			now:  strings.Replace(old, "b.example.com", "c.example.com", 1),
			want: "rules +0 -0 ~0; hosts +1: c.example.com -1: b.example.com; ",
		},
		"the last line is lost": {
			now:  old[:strings.Index(old, "- {name: d")],
			want: "rules +0 -1: d ~0; hosts +0 -1: deny d.example.com; no rule denies any more; there were 1 that did",
		},
		"a deny rule allows": {
			now:  strings.Replace(old, "action: deny, ", "", 1),
			want: "rules +0 -0 ~1: d; hosts +1: d.example.com -1: deny d.example.com; rule d allows what it denied; no rule denies any more; there were 1 that did",
		},
		"a rule for everybody": {
			now:  strings.Replace(old, "principals: [spiffe://td/a], ", "", 1),
			want: "rules +0 -0 ~1: p; hosts +0 -0; rule p is for every caller; it was for some",
		},
		"everything": {
			now:  old + "- {name: all, hosts: ['*']}\n",
			want: `rules +1: all -0 ~0; hosts +1: * -0; every name is allowed: a rule has "*"`,
		},
		"the default": {
			now: strings.Replace(old, "rules:", "defaults: {mode: shadow}\nrules:", 1),
			want: "rules +0 -0 ~3: a, d, p; hosts +4: shadow a.example.com, shadow b.example.com, shadow deny d.example.com, shadow p.example.com" +
				" -4: a.example.com, b.example.com, deny d.example.com, p.example.com; no rule denies any more; there were 1 that did; defaults.mode is shadow: what no rule allows passes",
		},
		"a comment": {now: old + "# why\n", want: "rules +0 -0 ~0; hosts +0 -0; "},
		"nothing":   {now: old, want: "nothing"},
		"many": {
			now:  old + "- {name: m, hosts: [h0.test, h1.test, h2.test, h3.test, h4.test, h5.test, h6.test, h7.test, h8.test, h9.test, h10.test]}\n",
			want: "hosts +11: ",
		},
	} {
		if got := editOf(t, old, tt.now); got != tt.want && !(name == "many" && strings.Contains(got, tt.want) && strings.Contains(got, ", …")) {
			t.Errorf("%s:\n got %s\nwant %s", name, got, tt.want)
		}
	}
}

func BenchmarkEditOf100000Hosts(b *testing.B) {
	text := func(extra string) string {
		var s strings.Builder
		s.WriteString("version: 1\nrules:\n- name: many\n  hosts:\n")
		for i := range 100_000 {
			fmt.Fprintf(&s, "  - h%d.example.com\n", i)
		}
		return s.String() + extra
	}
	r := &livepolicy.Registry{}
	policies := []*livepolicy.Use{settled(r, "egress", text("")), settled(r, "egress", text("  - x.example.com\n"))}
	for i := 0; b.Loop(); i++ {
		r.Settle(policies[i%2])
	}
}
