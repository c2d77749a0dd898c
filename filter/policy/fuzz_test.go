package policy_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/document"
	"wildcard-egress/filter/policy/internal/reference"
	"wildcard-egress/filter/policy/servername"
)

// FuzzParse holds that whatever Parse accepts decides as the naive reference
// does, and that its mistakes have places in order.
func FuzzParse(f *testing.F) {
	f.Add([]byte(reference.Example), "en.wikipedia.org")
	f.Add([]byte(`{"version":1,"rules":[{"name":"a","hosts":["*.example.com","a*.b.example.com"],"ports":[1]}]}`), "a.b.example.com")
	for _, text := range []string{
		"", "version: 1\nrules: [*a]", "a: &a [*a, *a]", "{{{{", "- - - -", "? ? ?", "!a !b c", "\ufeffversion: 1", "a: |\n b\n",
		"version: 1\r\nrules:\r\n- name: a\r\n  hosts: [a.b]\r\n", "---\n---\n", "%YAML 1.2\n---\na: 1", "<<: {a: b}",
	} {
		f.Add([]byte(text), "example.com")
	}
	f.Fuzz(func(t *testing.T, data []byte, wire string) {
		d, err := document.Parse("policy.yaml", data)
		var problems document.Problems
		if err != nil {
			if d != nil || !errors.As(err, &problems) || len(problems) == 0 {
				t.Fatalf("Parse = %v, %v, want Problems", d, err)
			}
			if !slices.IsSortedFunc(problems, func(a, b document.Problem) int { return a.Line - b.Line }) || problems[0].Line < 1 || problems[0].Column < 1 {
				t.Errorf("problems without a place or out of order: %v", err)
			}
			return
		}
		name, err := servername.Parse([]byte(wire))
		if err != nil {
			return
		}
		r := policy.Request{ServerName: name}
		if got, want := policy.Compile(d).Decide(r), reference.Written(d).Decide(r); got != want {
			t.Errorf("Decide(%+v) = %+v, want %+v", r, got, want)
		}
	})
}

// spiffeLike is what a caller's URI SAN can be; others are unknown callers.
var spiffeLike = regexp.MustCompile(`^[a-zA-Z0-9._/:-]*$`)

// FuzzDecide holds the compiled policy against the naive reference.
func FuzzDecide(f *testing.F) {
	f.Add(uint64(1), "a.example.com", "spiffe://cluster.local/ns/a/sa/one", uint16(443), "a*.{b,c}.example.com")
	f.Add(uint64(2), "b.a.example.com", "", uint16(0), "*.example.com")
	f.Fuzz(func(t *testing.T, seed uint64, wire, caller string, port uint16, host string) {
		random := reference.Random(rand.New(rand.NewPCG(seed, 0)))
		parse := document.ParsePattern
		if random.Rules[0].Action == "deny" {
			parse = document.ParseDenyPattern
		}
		if p, err := parse(host); err == nil {
			hosts := &random.Rules[0].Hosts
			if !slices.Contains(*hosts, p.String()) {
				*hosts = append(*hosts, p.String())
			}
		}
		name, err := servername.Parse([]byte(wire))
		if err != nil || !spiffeLike.MatchString(caller) || len(caller) > 2048 {
			return
		}
		text, err := json.Marshal(random)
		if err != nil {
			t.Fatal(err)
		}
		r := policy.Request{ServerName: name, Principal: caller, Port: port}
		if got, want := reference.Compile(t, string(text)).Decide(r), random.Decide(r); got != want {
			t.Errorf("Decide(%+v) = %+v, want %+v; policy %s", r, got, want, text)
		}
	})
}
