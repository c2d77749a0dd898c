package reference

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/document"
)

// Example is the policy of the language's reference, with two more rules.
const Example = `
version: 1
rules:
  - name: wikipedia
    hosts: ["*.wikipedia.org"]
  - name: payments
    hosts: [api.stripe.com, "*.paypal.com", "ec2.*.amazonaws.com"]
    principals: ["spiffe://cluster.local/ns/payments/sa/*"]
    ports: [443, 8443]
    on_revoke: close
  - name: no-uploads
    action: deny
    hosts: [upload.wikipedia.org]
  - name: no-guests
    action: deny
    principals: ["spiffe://cluster.local/ns/guests/**"]
    hosts: [members.wikipedia.org]
  - name: trial
    mode: shadow
    hosts: ["*.example.net"]
  - name: trial-deny
    mode: shadow
    action: deny
    hosts: [meta.wikipedia.org]
`

// Callers that Example speaks of.
const (
	Payer = "spiffe://cluster.local/ns/payments/sa/api"
	Guest = "spiffe://cluster.local/ns/guests/sa/web"
)

// Parse reads a policy that has no mistakes.
func Parse(tb testing.TB, text string) *document.Document {
	tb.Helper()
	d, err := document.Parse("policy.yaml", []byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// Compile reads and compiles a policy that has no mistakes.
func Compile(tb testing.TB, text string) *policy.Policy {
	tb.Helper()
	return policy.Compile(Parse(tb, text))
}

// Text returns the file as JSON.
func (f File) Text(tb testing.TB) string {
	tb.Helper()
	text, err := json.Marshal(f)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// What Random and Requests choose from, so that rules meet often.
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
	deniedHosts    = []string{"*a*", "**b**.com", "a**", "*.*", "*.*.{com,uk}", "*example.com", "[!a]**.c*m", "com*"} // globs that end as they like
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

// Random writes a policy.
func Random(random *rand.Rand) File {
	f := File{Version: 1, Defaults: Defaults{
		Mode:     Pick(random, "", "", "enforce", "shadow"),
		OnRevoke: Pick(random, "", "keep", "close"),
		Ports:    Some(random, somePorts, 2),
	}}
	for i := range 1 + random.IntN(7) {
		f.Rules = append(f.Rules, Rule{
			Name:       string(rune('a' + i)),
			Action:     Pick(random, "", "allow", "deny"),
			Mode:       Pick(random, "", "", "enforce", "shadow"),
			OnRevoke:   Pick(random, "", "keep", "close"),
			Hosts:      append(Some(random, someHosts, 3), Pick(random, "only-"+string(rune('a'+i))+".example.com")),
			Principals: Some(random, somePrincipals, 2),
			Ports:      Some(random, somePorts, 3),
		})
		if last := &f.Rules[i]; last.Action == "deny" {
			last.Hosts = append(last.Hosts, Some(random, deniedHosts, 2)...)
		}
	}
	return f
}

// Pick picks one element.
func Pick[T any](random *rand.Rand, from ...T) T { return from[random.IntN(len(from))] }

// Some picks up to n different elements.
func Some[T any](random *rand.Rand, from []T, n int) (picked []T) {
	for _, i := range random.Perm(len(from))[:random.IntN(n+1)] {
		picked = append(picked, from[i])
	}
	return picked
}

// Requests are all names, callers and ports that a random policy may be about.
func Requests(yield func(policy.Request) bool) {
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

// Written turns a document back into what the reference reads.
func Written(d *document.Document) File {
	f := File{Version: 1, Defaults: Defaults{Mode: d.Defaults.Mode.String(), OnRevoke: d.Defaults.OnRevoke.String(), Ports: d.Defaults.Ports}}
	for _, r := range d.Rules {
		rule := Rule{
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
