package e2e_test

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"wildcard-egress/filter/clienthello"
	"wildcard-egress/filter/clienthello/hellotest"
	"wildcard-egress/testenv"
	"wildcard-egress/testenv/certs"
	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/logs"
	"wildcard-egress/testenv/sites"
)

// The article's requests, and what the access log says of them.
func TestAmbientArticle(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, Ambient: true})
	for _, site := range []string{"en.wikipedia.org", "de.wikipedia.org"} {
		if got, err := env.Get(site); got != site || err != nil {
			t.Errorf("%s: %q answers, %v", site, got, err)
		}
	}
	if site, err := env.Get("cloud.ibm.com"); err == nil || !strings.Contains(err.Error(), "unrecognized name") {
		t.Errorf("cloud.ibm.com: %q, %v; want the alert unrecognized_name", site, err)
	}
	entry := env.GatewayLog.WantEntry(t, logs.Named("en.wikipedia.org"))
	for field, want := range map[string]string{"principal": certs.AppID, "rule": "wikipedia", "decision": "allow"} {
		if got := entry.Get(field); got != want {
			t.Errorf("%s %q, want %q", field, got, want)
		}
	}
	for _, field := range []string{"downstream_peer_uri_san", "requested_server_name", "downstream_transport_failure_reason"} {
		if value, ok := entry[field]; ok {
			t.Errorf("the line has %s, %v, which nothing fills here", field, value)
		}
	}
	wantIdle(t, env)
}

// Who calls, and for which port, is what ztunnel says, and nothing else.
func TestAmbientDecisions(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: perWorkload, Ambient: true, GatewayFlags: []string{"--decision-cache", "64"},
		Sites: []string{"en.wikipedia.org", "de.wikipedia.org", "upload.wikipedia.org", "api.stripe.com", "ports.example.com"}})
	ids := env.Identities
	for name, tt := range map[string]struct {
		caller     client.Outer
		serverName string
		want       map[string]string
	}{
		"a rule for everybody":           {caller: client.Outer{Certificate: ids.App}, serverName: "en.wikipedia.org", want: map[string]string{"principal": certs.AppID, "rule": "everybody", "reason": ""}},
		"the workload that a rule names": {caller: client.Outer{Certificate: ids.Payments}, serverName: "api.stripe.com", want: map[string]string{"principal": certs.PaymentsID, "rule": "payments", "reason": ""}},
		"another workload":               {caller: client.Outer{Certificate: ids.App}, serverName: "api.stripe.com", want: map[string]string{"principal": certs.AppID, "rule": "", "reason": "no_rule"}},
		"a foreign trust domain":         {caller: client.Outer{Certificate: ids.ForeignDomain}, serverName: "api.stripe.com", want: map[string]string{"reason": "no_rule"}},
		"a deny rule for one workload":   {caller: client.Outer{Certificate: ids.App}, serverName: "de.wikipedia.org", want: map[string]string{"rule": "not-for-the-app", "reason": "denied_by_rule"}},
		"which is not for another":       {caller: client.Outer{Certificate: ids.Payments}, serverName: "de.wikipedia.org", want: map[string]string{"rule": "everybody", "reason": ""}},
		"the second port of a rule":      {caller: client.Outer{Certificate: ids.App, Port: 8443}, serverName: "ports.example.com", want: map[string]string{"rule": "two-ports", "reason": ""}},
		"a port that it lacks":           {caller: client.Outer{Certificate: ids.App, Port: 22}, serverName: "ports.example.com", want: map[string]string{"reason": "no_rule"}},
		"a port that no rule has":        {caller: client.Outer{Certificate: ids.App, Port: 8443}, serverName: "en.wikipedia.org", want: map[string]string{"reason": "no_rule"}},
	} {
		t.Run(name, func(t *testing.T) {
			for range 3 { // decided, then recalled
				wantDecision(t, env, tt.caller, tt.serverName, tt.want)
			}
		})
	}
	t.Run("HBONE without a certificate", func(t *testing.T) {
		for _, caller := range []client.Outer{{}, {Certificate: ids.Expired}, {Certificate: ids.Stranger}} {
			before := snapshot(t, env)
			if site, err := env.GetDirect(caller, "en.wikipedia.org"); err == nil {
				t.Errorf("%s answers a caller without a good certificate", site)
			}
			if change := since(t, env, before); len(change.Stats) != 0 || change.Connections != 0 {
				t.Errorf("it reached the gateway: %v, or a site: %d", change.Stats, change.Connections)
			}
		}
	})
	wantIdle(t, env)
}

// The fail-closed matrix, as behind an outer mTLS.
func TestAmbientMatrix(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: anyHost, Ambient: true, Sites: []string{"unused.test"}})
	if _, err := env.AddSite(sites.Options{Names: []string{"*"}, Serve: greetAndClose}); err != nil {
		t.Fatal(err)
	}
	for i, c := range hellotest.All() {
		if i%4 != 0 && c.Result != hellotest.Accepted {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			want := verdictOf(c)
			if want.reason == "not_tls" { // seen whole, it may have a name
				want.detail = cmp.Or(clienthello.Protocol(c.Bytes), want.detail)
			}
			tryRow(t, env, c, want, func(conn client.Conn) {
				_, _ = conn.Write(c.Bytes)
				if c.Result == hellotest.Incomplete {
					// Envoy resets a client that ends its side while the header is read.
					env.WantStat(t, activeConnections, 1)
				}
			})
		})
	}
	wantIdle(t, env)
}

// Bytes far behind the hello, and the end of the client's side: nothing is lost.
func TestAmbientCarriesAllThatFollowsTheHello(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: anyHost, Ambient: true})
	received := make(chan int64, 1)
	if _, err := env.AddSite(sites.Options{Names: []string{"sink.test"}, Serve: func(conn net.Conn) {
		n, _ := io.Copy(io.Discard, conn) // until the client ends its side
		received <- n
		_, _ = conn.Write([]byte("all"))
	}}); err != nil {
		t.Fatal(err)
	}
	conn := dialGateway(t, env)
	first := hello("sink.test")
	const more = 8 << 20
	if _, err := conn.Write(append(first, make([]byte, more)...)); err != nil {
		t.Fatal(err)
	}
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(conn); string(answer) != "all" || err != nil {
		t.Errorf("read %q, %v after the end of our side, want \"all\"", answer, err)
	}
	if n := <-received; n != int64(len(first)+more) {
		t.Errorf("%d bytes reached the site, want %d", n, len(first)+more)
	}
	wantIdle(t, env)
}

// 1,000 connections at once, and 2,000 names that nobody has asked for: more than
// Envoy's own limit of 1,024. Few at a time, for a resolver that is slow on a
// loaded machine is another matter.
func TestAmbientCrowd(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: policyOf(rule("any", "*", "keep")), Ambient: true,
		GatewayFlags: []string{"--dns-names", "8192"}})
	if _, err := env.AddSite(sites.Options{Names: []string{"*"}, Serve: greet}); err != nil {
		t.Fatal(err)
	}
	conns := make([]client.Conn, 1000)
	failIfAny(t, "of 1,000 connections failed", inParallel(len(conns), 50, func(i int) (err error) {
		conns[i], err = greeted(env, "one.crowd.test")
		return err
	}))
	env.WantStat(t, activeConnections, int64(len(conns)))
	for _, conn := range conns {
		if conn != nil {
			conn.Close()
		}
	}
	failIfAny(t, "of 2,000 fresh names failed", inParallel(2000, 8, func(i int) error {
		conn, err := greeted(env, fmt.Sprintf("n%d.crowd.test", i))
		if err == nil {
			err = conn.Close()
		}
		return err
	}))
	wantIdle(t, env)
}

// greeted is a connection to a site that greets.
func greeted(env *testenv.Env, name string) (client.Conn, error) {
	conn, err := env.DialGateway(env.App())
	if err != nil {
		return nil, err
	}
	if _, err = conn.Write(hello(name)); err == nil {
		err = wantGreeting(conn)
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return conn, nil
}

// A new policy is in force at once, cuts nothing that it allows, and ends what it
// forbids where the rule says so, by caller and port.
func TestAmbientLivePolicy(t *testing.T) {
	const before = `
version: 1
defaults: {on_revoke: close}
rules:
- {name: all, hosts: ["*.wikipedia.org"], ports: [443, 8443]}
`
	after := strings.Replace(before, "ports: [443, 8443]", `ports: [443], principals: ["`+certs.AppID+`"]`, 1)
	env := testenv.Start(t, testenv.Options{Policy: before, Ambient: true})
	ids := env.Identities
	stay, err := env.DialDirect(client.Outer{Certificate: ids.App}, "en.wikipedia.org")
	if err != nil {
		t.Fatal(err)
	}
	defer stay.Close()
	for name, caller := range map[string]client.Outer{
		"another port":   {Certificate: ids.App, Port: 8443},
		"another caller": {Certificate: ids.Payments},
	} {
		goes, err := env.DialDirect(caller, "en.wikipedia.org")
		if err != nil {
			t.Fatal(err)
		}
		defer goes.Close()
		if err := wantSite(goes, "en.wikipedia.org"); err != nil {
			t.Errorf("%s, before the edit: %v", name, err)
		}
		defer func() {
			if _, err := io.ReadAll(goes); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: its stream lives on after the edit", name)
			}
		}()
	}
	if err := env.WritePolicy(after); err != nil {
		t.Fatal(err)
	}
	env.WantStat(t, "wildcard_egress.denied.revoked", 2)
	if err := wantSite(stay, "en.wikipedia.org"); err != nil {
		t.Errorf("what the new policy allows: %v", err)
	}
	wantDecision(t, env, client.Outer{Certificate: ids.App, Port: 8443}, "de.wikipedia.org", map[string]string{"reason": "no_rule"})
	if err := env.WritePolicy("version: 1\nrules: ["); err != nil {
		t.Fatal(err)
	}
	env.WantStat(t, "wildcard_egress.policy_stale", 1)
	wantDecision(t, env, client.Outer{Certificate: ids.App}, "de.wikipedia.org", map[string]string{"rule": "all"})
}
