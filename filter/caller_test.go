package filter_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"wildcard-egress/filter"
)

const paymentsOnly = `
version: 1
rules:
- name: payments
  hosts: [api.stripe.com]
  principals: ["spiffe://cluster.local/ns/payments/sa/*"]
  ports: [443, 8443]
- name: not-for-checkout
  action: deny
  hosts: [en.wikipedia.org]
  principals: ["spiffe://cluster.local/ns/payments/sa/checkout"]
- name: everybody
  hosts: ["*.wikipedia.org"]
`

const checkout = "spiffe://cluster.local/ns/payments/sa/checkout"

// Caller and port are those of the PROXY header, and of nothing else.
func TestCallersByProxyProtocol(t *testing.T) {
	for name, tt := range map[string]struct {
		conn       connection
		serverName string
		want       string // principal, rule, reason, port
	}{
		"the header's caller and port": {conn: connection{identity: checkout, port: 8443}, serverName: "api.stripe.com",
			want: checkout + " payments  8443"},
		"another port than the rule's": {conn: connection{identity: checkout, port: 22}, serverName: "api.stripe.com",
			want: checkout + "  no_rule "},
		"another caller": {conn: connection{identity: "spiffe://cluster.local/ns/default/sa/app", port: 443}, serverName: "api.stripe.com",
			want: "spiffe://cluster.local/ns/default/sa/app  no_rule "},
		"no caller": {conn: connection{port: 443}, serverName: "api.stripe.com",
			want: "  no_rule "},
		"no caller, where a deny rule asks for one": {conn: connection{port: 443}, serverName: "en.wikipedia.org",
			want: " not-for-checkout denied_by_rule "},
		"no port": {conn: connection{identity: checkout}, serverName: "api.stripe.com",
			want: checkout + "  host_error "},
		"a certificate and an outer server name do not count": {serverName: "api.stripe.com",
			conn: connection{uriSANs: []string{checkout}, outerServerName: "outbound_.8443_._.gateway", port: 443},
			want: "  no_rule "},
		"nor do they take the header's place": {serverName: "api.stripe.com",
			conn: connection{uriSANs: []string{checkout}, outerServerName: "outbound_.8443_._.gateway", identity: "spiffe://cluster.local/ns/default/sa/app", port: 443},
			want: "spiffe://cluster.local/ns/default/sa/app  no_rule "},
		"a header from elsewhere than loopback": {conn: connection{identity: checkout, port: 443, elsewhere: true}, serverName: "api.stripe.com",
			want: "  not_loopback "},
	} {
		t.Run(name, func(t *testing.T) {
			e := enforcer(t, paymentsOnly)
			e.Caller = filter.CallerProxyProtocol
			feed(e.NewFilter(&tt.conn), &tt.conn, false, hello(tt.serverName))
			said := tt.conn.said
			if got := strings.Join([]string{said["principal"], said["rule"], said["reason"], tt.conn.state["envoy.upstream.dynamic_port"]}, " "); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// A certificate's configuration does not look at a PROXY header.
func TestCertificateIsNotReplacedByAProxyHeader(t *testing.T) {
	e := enforcer(t, paymentsOnly)
	c := connection{identity: checkout, port: 8443, elsewhere: true}
	feed(e.NewFilter(&c), &c, false, hello("api.stripe.com"))
	if got := c.outcome(); c.said["principal"] != "" || c.said["reason"] != "no_rule" {
		t.Errorf("%s, principal %q; want no_rule for an unknown caller", got, c.said["principal"])
	}
}

func TestSourceOfCallersThatIsNotKnownRefusesAll(t *testing.T) {
	e := enforcer(t, paymentsOnly)
	e.Caller = "proxy"
	c := connection{identity: "spiffe://td/x", uriSANs: []string{"spiffe://td/x"}, port: 443}
	feed(e.NewFilter(&c), &c, false, hello("en.wikipedia.org"))
	if c.closed != "host_error" {
		t.Errorf("%s; want host_error", c.outcome())
	}
}

// The operator hears of a listener that others can reach, but not once for each
// of their connections.
func TestListenerThatOthersReachIsToldOnce(t *testing.T) {
	var log bytes.Buffer
	e := enforcer(t, paymentsOnly)
	e.Caller = filter.CallerProxyProtocol
	e.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	for range 3 {
		c := connection{identity: checkout, port: 443, elsewhere: true}
		feed(e.NewFilter(&c), &c, false, hello("api.stripe.com"))
	}
	if n := strings.Count(log.String(), "another address than loopback"); n != 1 {
		t.Errorf("%d lines, want 1:\n%s", n, log.String())
	}
}

func TestSPIFFEIDOfTheProxyHeader(t *testing.T) {
	long := "spiffe://td/" + strings.Repeat("x", 2048)
	for id, good := range map[string]bool{
		checkout:                     true,
		"spiffe://td.example-1_a/A9": true,
		"spiffe://td":                false, // a trust domain is nobody
		"spiffe://TD/x":              false,
		"spiffe:///x":                false,
		"spiffe://td/":               false,
		"spiffe://td//x":             false,
		"spiffe://td/../x":           false,
		"spiffe://td/x/.":            false,
		"spiffe://td/x!":             false, // bytes that were no UTF-8
		"spiffe://td/x?y":            false,
		"spiffe://td/x y":            false,
		"spiffe://td/\u00fc":         false,
		"spiffe://user@td/x":         false,
		"spiffe://td:1/x":            false,
		"SPIFFE://td/x":              false,
		"https://td/x":               false,
		"":                           false,
		long:                         false,
		long[:2048]:                  true,
	} {
		e := enforcer(t, "version: 1\nrules: [{name: all, hosts: ['*']}]")
		e.Caller = filter.CallerProxyProtocol
		c := connection{identity: id, port: 443}
		feed(e.NewFilter(&c), &c, false, hello("a.example.com"))
		want := ""
		if good {
			want = id
		}
		if got := c.said["principal"]; got != want {
			t.Errorf("%.80q: principal %.80q, want %.80q", id, got, want)
		}
	}
}
