package filter_test

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"

	"wildcard-egress/filter"
	"wildcard-egress/filter/clienthello/hellotest"
	"wildcard-egress/filter/policy"
)

const wikipedia = `
version: 1
rules:
- name: wikipedia
  hosts: ["*.wikipedia.org"]
`

func hello(serverName string) []byte { return hellotest.Whole(hellotest.Chrome(serverName).Message()) }

func TestDecisions(t *testing.T) {
	const alert = "15 03 03 00 02 02 "
	for name, tt := range map[string]struct {
		policy string
		conn   connection
		input  []byte
		ends   bool
		want   string
	}{
		"an allowed name goes on to itself, at the rule's port": {
			policy: wikipedia, input: hello("en.wikipedia.org"),
			want: "decision=allow reason= rule=wikipedia host=en.wikipedia.org:443 closed= alert=",
		},
		"the name that is dialled is the canonical one": {
			policy: wikipedia, input: hello("EN.Wikipedia.ORG."),
			want: "decision=allow reason= rule=wikipedia host=en.wikipedia.org:443 closed= alert=",
		},
		"a name that no rule allows is refused with an alert": {
			policy: wikipedia, input: hello("wikipedia.org"),
			want: "decision=deny reason=no_rule rule= host=: closed=no_rule alert=" + alert + "70",
		},
		"without a policy nothing passes": {
			input: hello("en.wikipedia.org"),
			want:  "decision=deny reason=no_policy rule= host=: closed=no_policy alert=" + alert + "70",
		},
		"a name that is an address is refused before any rule": {
			policy: "version: 1\nrules: [{name: all, hosts: ['*']}]", input: hello("10.0.0.1"),
			want: "decision=deny reason=invalid_server_name rule= host=: closed=invalid_server_name alert=" + alert + "70",
		},
		"a caller whose certificate has expired since its TLS session began": {
			policy: wikipedia, input: hello("en.wikipedia.org"), conn: connection{expired: true},
			want: "decision=deny reason=certificate_expired rule= host=: closed=certificate_expired alert=" + alert + "70",
		},
		"the gateway that dials its own port": {
			policy: wikipedia, input: hello("en.wikipedia.org"), conn: connection{ours: true, port: 443},
			want: "decision=deny reason=loop rule=wikipedia host=en.wikipedia.org:443 closed=loop alert=" + alert + "70",
		},
		"the gateway that dials another of its ports": { // there it is looked at again
			policy: wikipedia, input: hello("en.wikipedia.org"), conn: connection{ours: true, port: 8443},
			want: "decision=allow reason= rule=wikipedia host=en.wikipedia.org:443 closed= alert=",
		},
		"plain text gets no alert": {
			policy: wikipedia, input: []byte("GET / HTTP/1.1\r\n"),
			want: "decision=deny reason=not_tls rule= host=: closed=not_tls alert=",
		},
		"a hello that ends early": {
			policy: wikipedia, input: hello("en.wikipedia.org")[:100], ends: true,
			want: "decision=deny reason=incomplete rule= host=: closed=incomplete alert=" + alert + "32",
		},
		"a client that leaves without a word": {
			policy: wikipedia, ends: true,
			want: "decision=deny reason=incomplete rule= host=: closed=incomplete alert=",
		},
		"an upstream that Envoy does not take": {
			policy: wikipedia, input: hello("en.wikipedia.org"), conn: connection{refuseState: "envoy.upstream.dynamic_port"},
			want: "decision=deny reason=host_error rule=wikipedia host=en.wikipedia.org: closed=host_error alert=" + alert + "70",
		},
		"the port that the mesh tells": {
			policy: "version: 1\nrules: [{name: a, hosts: [a.example.com], ports: [443, 8443]}]", input: hello("a.example.com"),
			conn: connection{outerServerName: "outbound_.8443_.wildcard_.egressgateway.istio-egress.svc.cluster.local"},
			want: "decision=allow reason= rule=a host=a.example.com:8443 closed= alert=",
		},
		"refuse_ech refuses GREASE ECH too": {
			policy: "version: 1\ndefaults: {refuse_ech: true}\nrules: [{name: a, hosts: [a.example.com]}]", input: hello("a.example.com"),
			want: "decision=deny reason=ech_refused rule= host=: closed=ech_refused alert=" + alert + "70",
		},
		"refusal close says nothing": {
			policy: "version: 1\ndefaults: {refusal: close}\nrules: [{name: a, hosts: [a.example.com]}]", input: hello("b.example.com"),
			want: "decision=deny reason=no_rule rule= host=: closed=no_rule alert=",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := tt.conn
			feed(enforcer(t, tt.policy).NewFilter(&c), &c, tt.ends, tt.input)
			if got := c.outcome(); got != tt.want {
				t.Errorf("outcome\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestTwoURISANsAreAnUnknownPrincipal(t *testing.T) {
	rules := "version: 1\nrules: [{name: a, hosts: [a.example.com], principals: ['spiffe://td/ns/x/sa/y']}]"
	for name, tt := range map[string]struct {
		sans []string
		want string
	}{
		"one":                   {sans: []string{"spiffe://td/ns/x/sa/y"}, want: "allow"},
		"none":                  {want: "deny"},
		"two":                   {sans: []string{"spiffe://td/ns/x/sa/y", "spiffe://td/ns/x/sa/z"}, want: "deny"},
		"one with a line break": {sans: []string{"spiffe://td/ns/x/sa/y\n"}, want: "deny"},
	} {
		t.Run(name, func(t *testing.T) {
			c := connection{uriSANs: tt.sans}
			feed(enforcer(t, rules).NewFilter(&c), &c, false, hello("a.example.com"))
			if got := c.said["decision"]; got != tt.want {
				t.Errorf("decision %s, want %s", got, tt.want)
			}
		})
	}
}

func TestEveryRefusalIsCountedOnceByItsReason(t *testing.T) {
	e := enforcer(t, wikipedia)
	for _, tt := range hellotest.All() {
		c := connection{}
		feed(e.NewFilter(&c), &c, true, slices.Clip(tt.Bytes))
		want := map[string]int{"denied." + c.said["reason"]: 1}
		if c.said["decision"] == "allow" {
			want = map[string]int{"allowed": 1}
		}
		if tt.ECH && tt.Sent != "" { // read to the end, with a name
			want["ech"] = 1
		}
		if !reflect.DeepEqual(c.counts, want) {
			t.Errorf("%s: counters: got %+v, want %+v", tt.Name, c.counts, want)
		}
		if (c.closed == "") != (c.said["decision"] == "allow") {
			t.Errorf("%s: decision %s, but closed %q", tt.Name, c.said["decision"], c.closed)
		}
	}
}

// The decision depends on the bytes alone, not on how they arrive.
func TestAnySplitGivesTheSameDecision(t *testing.T) {
	e := enforcer(t, wikipedia)
	random := rand.New(rand.NewPCG(1, 2))
	for _, tt := range hellotest.All() {
		whole := connection{}
		feed(e.NewFilter(&whole), &whole, true, tt.Bytes)
		splits := [][][]byte{bytewise(tt.Bytes)}
		for range 20 {
			splits = append(splits, split(random, tt.Bytes))
		}
		for _, pieces := range splits {
			c := connection{}
			feed(e.NewFilter(&c), &c, true, pieces...)
			if got, want := c.outcome(), whole.outcome(); got != want {
				t.Errorf("%s: in %d pieces\n got %s\nwant %s", tt.Name, len(pieces), got, want)
				break
			}
		}
	}
}

func bytewise(b []byte) (pieces [][]byte) {
	for i := range b {
		pieces = append(pieces, b[i:i+1])
	}
	return pieces
}

func split(random *rand.Rand, b []byte) (pieces [][]byte) {
	for len(b) > 0 {
		n := 1 + random.IntN(min(len(b), 1+random.IntN(600)))
		pieces, b = append(pieces, b[:n]), b[n:]
	}
	return pieces
}

func TestDeadlineRefuses(t *testing.T) {
	c := connection{}
	f := enforcer(t, wikipedia).NewFilter(&c)
	feed(f, &c, false, hello("en.wikipedia.org")[:50])
	f.(interface{ OnDeadline() }).OnDeadline()
	if c.closed != "timeout" || c.said["reason"] != "timeout" {
		t.Errorf("closed %q, reason %q; want timeout", c.closed, c.said["reason"])
	}
}

func TestClientThatLeavesIsReported(t *testing.T) {
	c := connection{}
	f := enforcer(t, wikipedia).NewFilter(&c)
	feed(f, &c, false, hello("en.wikipedia.org")[:50])
	f.OnEvent(api.RemoteClose)
	if c.said["reason"] != "incomplete" {
		t.Errorf("reason %q, want incomplete", c.said["reason"])
	}
}

func TestTrackedConnectionAnswersToTheNewestPolicy(t *testing.T) {
	const closing = "version: 1\nrules: [{name: a, hosts: [a.example.com], on_revoke: close}]"
	e := enforcer(t, closing)
	e.ID = 7
	c := connection{uriSANs: []string{"spiffe://td/ns/x/sa/y"}}
	feed(e.NewFilter(&c), &c, false, hello("a.example.com"))
	if len(c.tracked) != 1 {
		t.Fatalf("tracked %q, want one label", c.tracked)
	}
	id, request, ok := filter.ParseLabel([]byte(c.tracked[0]))
	want := policy.Request{ServerName: "a.example.com", Principal: "spiffe://td/ns/x/sa/y"}
	if id != 7 || request != want || !ok {
		t.Errorf("ParseLabel(%q) = %d, %v, %v; want 7, %v, true", c.tracked[0], id, request, ok, want)
	}

	// The policy changed between the decision and the tracking.
	newest := compile(t, wikipedia)
	e.Newest = func() *policy.Policy { return newest }
	c = connection{}
	feed(e.NewFilter(&c), &c, false, hello("a.example.com"))
	if c.closed != "no_rule" {
		t.Errorf("closed %q, want no_rule: the newest policy denies it", c.closed)
	}
}

func TestKeptConnectionsAreNotTracked(t *testing.T) {
	c := connection{}
	feed(enforcer(t, wikipedia).NewFilter(&c), &c, false, hello("en.wikipedia.org"))
	if len(c.tracked) != 0 {
		t.Errorf("tracked %q, want none: the rule keeps its connections", c.tracked)
	}
}

func TestRequestedPort(t *testing.T) {
	for outer, want := range map[string]uint16{
		"outbound_.443_.wildcard_.egressgateway.istio-egress.svc.cluster.local": 443,
		"outbound_.8443_._.egressgateway.istio-egress.svc.cluster.local":        8443,
		"outbound_.0_.v1_.host":      0,
		"outbound_.65536_.v1_.host":  0,
		"outbound_.+443_.v1_.host":   0,
		"outbound_.-1_.v1_.host":     0,
		"outbound_.443_.host":        0,
		"outbound_.443":              0,
		"inbound_.443_.v1_.host":     0,
		"en.wikipedia.org":           0,
		"":                           0,
		"outbound_._.v1_.host":       0,
		"outbound_.0000443_.v_.host": 0,
	} {
		if got := filter.RequestedPort(outer); got != want {
			t.Errorf("RequestedPort(%q) = %d, want %d", outer, got, want)
		}
	}
}
