package e2e_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/certs"
	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/logs"
)

const perWorkload = `
version: 1
rules:
- name: everybody
  hosts: ["*.wikipedia.org"]
- name: payments
  hosts: [api.stripe.com, cloud.ibm.com]
  principals: ["spiffe://cluster.local/ns/payments/sa/*"]
- name: not-for-the-app
  action: deny
  hosts: [de.wikipedia.org]
  principals: ["spiffe://cluster.local/ns/default/sa/app"]
- name: no-uploads
  action: deny
  hosts: [upload.wikipedia.org]
- name: two-ports
  hosts: [ports.example.com]
  ports: [443, 8443]
- name: trial
  mode: shadow
  hosts: [trial.example.com]
- name: trial-of-a-ban
  mode: shadow
  action: deny
  hosts: [en.wikipedia.org]
`

// Who calls is what the certificate says, and nothing else.
func TestDecisionsByPrincipal(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: perWorkload, WithoutSidecar: true,
		Sites: []string{"en.wikipedia.org", "de.wikipedia.org", "upload.wikipedia.org", "api.stripe.com"}})
	ids := env.Identities
	for name, tt := range map[string]struct {
		caller     *tls.Certificate
		serverName string
		principal  string
		rule       string
		reason     string // empty: allowed
	}{
		"a rule without principals is for everybody":         {caller: ids.App, serverName: "en.wikipedia.org", principal: certs.AppID, rule: "everybody"},
		"the workload that the rule names":                   {caller: ids.Payments, serverName: "api.stripe.com", principal: certs.PaymentsID, rule: "payments"},
		"another workload":                                   {caller: ids.App, serverName: "api.stripe.com", principal: certs.AppID, reason: "no_rule"},
		"a certificate without URI SAN":                      {caller: ids.NoID, serverName: "api.stripe.com", reason: "no_rule"},
		"a certificate with two URI SANs, one of them right": {caller: ids.TwoIDs, serverName: "api.stripe.com", reason: "no_rule"},
		"the right path in a foreign trust domain":           {caller: ids.ForeignDomain, serverName: "api.stripe.com", principal: foreignID(t, ids.ForeignDomain), reason: "no_rule"},
		"deny beats allow":                                   {caller: ids.App, serverName: "upload.wikipedia.org", principal: certs.AppID, rule: "no-uploads", reason: "denied_by_rule"},
		"deny for one workload":                              {caller: ids.App, serverName: "de.wikipedia.org", principal: certs.AppID, rule: "not-for-the-app", reason: "denied_by_rule"},
		"that deny is not for another workload":              {caller: ids.Payments, serverName: "de.wikipedia.org", principal: certs.PaymentsID, rule: "everybody"},
		"an unknown caller meets every deny rule":            {caller: ids.NoID, serverName: "de.wikipedia.org", rule: "not-for-the-app", reason: "denied_by_rule"},
	} {
		t.Run(name, func(t *testing.T) {
			wantDecision(t, env, client.Outer{Certificate: tt.caller}, tt.serverName,
				map[string]string{"principal": tt.principal, "rule": tt.rule, "reason": tt.reason})
		})
	}
	t.Run("no certificate, an expired one and a stranger's never come to a decision", func(t *testing.T) {
		for i, caller := range []*tls.Certificate{nil, ids.Expired, ids.Stranger} {
			before := snapshot(t, env)
			if site, err := env.GetDirect(client.Outer{Certificate: caller}, "en.wikipedia.org"); err == nil {
				t.Errorf("%s answered a caller without a good certificate", site)
			}
			env.WantStat(t, "wildcard_egress.denied.handshake_failed", int64(i+1))
			if change := since(t, env, before); change.Connections != 0 || len(change.Queries) != 0 {
				t.Errorf("%d upstream connections, DNS asked %q; want nothing", change.Connections, change.Queries)
			}
		}
	})
}

func foreignID(t *testing.T, c *tls.Certificate) string {
	t.Helper()
	return c.Leaf.URIs[0].String()
}

// The port is the one that the outer server name tells; a lie about anything
// else in it gains nothing.
func TestDecisionsByOuterServerName(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: perWorkload, WithoutSidecar: true,
		Sites: []string{"ports.example.com", "en.wikipedia.org", "cloud.ibm.com"}})
	outer := func(port, host string) string { return "outbound_." + port + "_.wildcard_." + host }
	for name, tt := range map[string]struct{ outer, serverName, rule, reason string }{
		"a port of the rule":             {outer("8443", "egressgateway.istio-egress.svc.cluster.local"), "ports.example.com", "two-ports", ""},
		"a port that no rule has":        {outer("22", "egressgateway.istio-egress.svc.cluster.local"), "ports.example.com", "", "no_rule"},
		"an outer name without a port":   {"egressgateway.istio-egress", "ports.example.com", "two-ports", ""},
		"an allowed host as outer name":  {"en.wikipedia.org", "cloud.ibm.com", "", "no_rule"},
		"an allowed host in its subset":  {"outbound_.443_.en.wikipedia.org_.x", "cloud.ibm.com", "", "no_rule"},
		"a refused host as outer name":   {"cloud.ibm.com", "en.wikipedia.org", "everybody", ""},
		"a number that is no port":       {outer("99999", "x"), "ports.example.com", "two-ports", ""},
		"port 0 is no port":              {outer("0", "x"), "ports.example.com", "two-ports", ""},
		"a port of the rule, upper case": {outer("8443", "X"), "PORTS.example.com", "two-ports", ""},
	} {
		t.Run(name, func(t *testing.T) {
			wantDecision(t, env, client.Outer{Certificate: env.Identities.App, ServerName: tt.outer}, tt.serverName,
				map[string]string{"rule": tt.rule, "reason": tt.reason})
		})
	}
}

// The dialled port is the rule's first, or the one asked for; no --upstream-port here.
func TestUpstreamPortIsTheRules(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, WithoutSidecar: true, Sites: []string{"a.example.com"}, EditGateway: withoutUpstreamPort})
	host := env.Upstream.Site("a.example.com").AddrPort().Addr()
	var addrs, ports []string
	for range 2 { // of one host
		listener, err := net.Listen("tcp", netip.AddrPortFrom(host, 0).String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { listener.Close() })
		addr := listener.Addr().(*net.TCPAddr)
		addrs, ports = append(addrs, addr.String()), append(ports, strconv.Itoa(addr.Port))
	}
	edit(t, env, fmt.Sprintf("version: 1\nrules: [{name: a, hosts: [a.example.com], ports: [%s]}]", strings.Join(ports, ", ")))
	for outer, want := range map[string]string{"x": addrs[0], "outbound_." + ports[1] + "_.v_.x": addrs[1]} {
		conn, err := env.DialGateway(client.Outer{Certificate: env.Identities.App, ServerName: outer})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(hello("a.example.com")); err != nil {
			t.Fatal(err)
		}
		env.WantStat(t, "cluster.dynamic_forward_proxy.upstream_cx_active", 1)
		reset(t, conn) // nobody at the other end would answer a half-close
		entry := env.GatewayLog.WantEntry(t, logs.From(conn.LocalAddr()))
		if got := entry.Get("upstream_remote_address"); got != want {
			t.Errorf("outer server name %s: the gateway dialled %q, want %s", outer, got, want)
		}
		env.WantStat(t, "cluster.dynamic_forward_proxy.upstream_cx_active", 0)
	}
}

func TestShadowRulesReportAndDoNotEnforce(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: perWorkload, WithoutSidecar: true,
		Sites: []string{"en.wikipedia.org", "trial.example.com"}})
	wantDecision(t, env, env.App(), "en.wikipedia.org",
		map[string]string{"rule": "everybody", "reason": "", "shadow_rule": "trial-of-a-ban", "shadow_decision": "deny"})
	wantDecision(t, env, env.App(), "trial.example.com",
		map[string]string{"rule": "", "reason": "no_rule", "shadow_rule": "trial", "shadow_decision": "allow"})
}

func TestShadowDefaultLetsPassAndReports(t *testing.T) {
	env := testenv.Start(t, testenv.Options{WithoutSidecar: true, Sites: []string{"en.wikipedia.org", "cloud.ibm.com", "bad.example.com"},
		Policy: `
version: 1
defaults: {mode: shadow}
rules:
- {name: wikipedia, hosts: ["*.wikipedia.org"]}
- {name: banned, mode: enforce, action: deny, hosts: [bad.example.com]}
`})
	wantDecision(t, env, env.App(), "cloud.ibm.com", map[string]string{"reason": "", "shadow_decision": "deny"})
	wantDecision(t, env, env.App(), "bad.example.com", map[string]string{"reason": "denied_by_rule", "rule": "banned"})
}

// wantDecision opens an inner TLS session and compares the access log's line.
// reason says whether it must be allowed; an allowed one must reach its site.
func wantDecision(t *testing.T, env *testenv.Env, outer client.Outer, serverName string, want map[string]string) {
	t.Helper()
	before := snapshot(t, env)
	conn, err := env.DialGateway(outer)
	if err != nil {
		t.Fatal(err)
	}
	line := lineOf(t, env, conn)
	session, err := env.Handshake(conn, serverName)
	if err == nil {
		_, err = client.Ask(session)
	}
	conn.Close()
	entry := env.GatewayLog.WantEntry(t, line)
	change := since(t, env, before)
	if allowed := want["reason"] == ""; allowed != (err == nil) || allowed != (change.Connections == 1) {
		t.Errorf("%s: the client got %v and %d connections reached a site; allowed must be %v", serverName, err, change.Connections, allowed)
	}
	for field, value := range want {
		if got := entry.Get(field); got != value {
			t.Errorf("%s: access log has %s %q, want %q", serverName, field, got, value)
		}
	}
}
