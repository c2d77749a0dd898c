package policy_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"wildcard-egress/filter/policy"
)

// FuzzPattern holds that a host pattern matches what gobwas/glob matches with
// separator ".", and nothing outside of its domain and its cover.
func FuzzPattern(f *testing.F) {
	for _, seed := range [][2]string{
		{"*.example.com", "a.example.com"}, {"ec2.*.amazonaws.com", "ec2.eu-west-1.amazonaws.com"},
		{"*.a*{b,c*}*.example.com", "x.y.ac-1.example.com"}, {"a**b?[!c].example.com", "a.b.bxd.example.com"},
		{"{a*,b}*.example.com", "ab.example.com"}, {"**a**a**a*a*b.example.com", strings.Repeat("a.", 100) + "example.com"},
		{"[a-c][xyz-].example.com", "b-.example.com"}, {"*{,a}*.x.example.com", "b.x.example.com"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, text, wire string) {
		p, err := policy.ParsePattern(text)
		if err != nil {
			return
		}
		if again, err := policy.ParsePattern(p.String()); again != p {
			t.Errorf("ParsePattern(%q) = %v, %v, want itself", p, again, err)
		}
		name, err := policy.ParseServerName([]byte(wire))
		if err != nil {
			return
		}
		got := p.Matches(name)
		if want := matches(p.String(), name); got != want {
			t.Errorf("%q matches %q: %v, want %v", p, name, got, want)
		}
		cover, err := policy.ParsePattern(p.Cover())
		if err != nil || got && !cover.Matches(name) {
			t.Errorf("%q matches %q, but its cover %q does not (%v)", p, name, p.Cover(), err)
		}
		if got && p.Kind() != policy.Any && name != p.Domain() && !strings.HasSuffix(name, "."+p.Domain()) {
			t.Errorf("%q matches %q outside of %q", p, name, p.Domain())
		}
	})
}

// FuzzParse holds that whatever Parse accepts decides as the naive reference
// does, and that its mistakes have places in order.
func FuzzParse(f *testing.F) {
	f.Add([]byte(example), "en.wikipedia.org")
	f.Add([]byte(`{"version":1,"rules":[{"name":"a","hosts":["*.example.com","a*.b.example.com"],"ports":[1]}]}`), "a.b.example.com")
	for _, text := range []string{
		"", "version: 1\nrules: [*a]", "a: &a [*a, *a]", "{{{{", "- - - -", "? ? ?", "!a !b c", "\ufeffversion: 1", "a: |\n b\n",
		"version: 1\r\nrules:\r\n- name: a\r\n  hosts: [a.b]\r\n", "---\n---\n", "%YAML 1.2\n---\na: 1", "<<: {a: b}",
	} {
		f.Add([]byte(text), "example.com")
	}
	f.Fuzz(func(t *testing.T, data []byte, wire string) {
		d, err := policy.Parse("policy.yaml", data)
		var problems policy.Problems
		if err != nil {
			if d != nil || !errors.As(err, &problems) || len(problems) == 0 {
				t.Fatalf("Parse = %v, %v, want Problems", d, err)
			}
			if !slices.IsSortedFunc(problems, func(a, b policy.Problem) int { return a.Line - b.Line }) || problems[0].Line < 1 || problems[0].Column < 1 {
				t.Errorf("problems without a place or out of order: %v", err)
			}
			return
		}
		name, err := policy.ParseServerName([]byte(wire))
		if err != nil {
			return
		}
		r := policy.Request{ServerName: name}
		if got, want := d.Compile().Decide(r), written(d).decide(r); got != want {
			t.Errorf("Decide(%+v) = %+v, want %+v", r, got, want)
		}
	})
}

// written turns a document back into what the reference reads.
func written(d *policy.Document) file {
	f := file{Version: 1, Defaults: defaults{Mode: d.Defaults.Mode.String(), OnRevoke: d.Defaults.OnRevoke.String(), Ports: d.Defaults.Ports}}
	for _, r := range d.Rules {
		rule := fileRule{
			Name: r.Name, Action: r.Action.String(), Mode: r.Mode.String(), OnRevoke: r.OnRevoke.String(),
			Principals: r.Principals, Ports: r.Ports,
		}
		for _, host := range r.Hosts {
			rule.Hosts = append(rule.Hosts, host.String())
		}
		f.Rules = append(f.Rules, rule)
	}
	return f
}

// spiffeLike is what a caller's URI SAN can be; others are unknown callers.
var spiffeLike = regexp.MustCompile(`^[a-zA-Z0-9._/:-]*$`)

// FuzzDecide holds the compiled policy against the naive reference.
func FuzzDecide(f *testing.F) {
	f.Add(uint64(1), "a.example.com", "spiffe://cluster.local/ns/a/sa/one", uint16(443), "a*.{b,c}.example.com")
	f.Add(uint64(2), "b.a.example.com", "", uint16(0), "*.example.com")
	f.Fuzz(func(t *testing.T, seed uint64, wire, caller string, port uint16, host string) {
		random := randomFile(rand.New(rand.NewPCG(seed, 0)))
		if p, err := policy.ParsePattern(host); err == nil {
			hosts := &random.Rules[0].Hosts
			if !slices.Contains(*hosts, p.String()) {
				*hosts = append(*hosts, p.String())
			}
		}
		name, err := policy.ParseServerName([]byte(wire))
		if err != nil || !spiffeLike.MatchString(caller) || len(caller) > 2048 {
			return
		}
		text, err := json.Marshal(random)
		if err != nil {
			t.Fatal(err)
		}
		r := policy.Request{ServerName: name, Principal: caller, Port: port}
		if got, want := compile(t, string(text)).Decide(r), random.decide(r); got != want {
			t.Errorf("Decide(%+v) = %+v, want %+v; policy %s", r, got, want, text)
		}
	})
}
