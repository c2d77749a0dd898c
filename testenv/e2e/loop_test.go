package e2e_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/dns"
	"wildcard-egress/testenv/logs"
)

// A name that resolves to the gateway's own address and port is dialled once, and
// refused there: no second hop.
func TestALoopEndsAtOnce(t *testing.T) {
	for _, plain := range []bool{true, false} {
		t.Run(fmt.Sprintf("plain %v", plain), func(t *testing.T) {
			env, port := loopingGateway(t, plain)
			caller := client.Outer{Certificate: env.Identities.App, ServerName: "outbound_." + port + "_._.gateway.test"}
			conn, err := env.DialGateway(caller)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			var toGateway net.Conn = conn
			if !plain { // the caller shakes hands with the gateway through itself
				toGateway = tls.Client(conn, &tls.Config{ServerName: "loop.wikipedia.org", InsecureSkipVerify: true,
					Certificates: []tls.Certificate{*env.Identities.App}})
			}
			if _, err := toGateway.Write(hello("loop.wikipedia.org")); err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(toGateway); string(got) != "\x15\x03\x03\x00\x02\x02\x70" {
				t.Errorf("the client reads % x, %v; want an alert", got, err)
			}
			entry := env.GatewayLog.WantEntry(t, func(e logs.Entry) bool { return e.Get("reason") == "loop" })
			if entry.Get("decision") != "deny" || entry.Get("server_name") != "loop.wikipedia.org" || entry.Get("rule") != "all" {
				t.Errorf("line %v", entry)
			}
			env.WantStat(t, "wildcard_egress.denied.loop", 1)
			env.WantStat(t, "wildcard_egress.allowed", 1)
			// Who calls from the same machine is no loop.
			env.DNS.Set("other.wikipedia.org", dns.Answer{Addrs: []netip.Addr{netip.MustParseAddr("127.0.0.3")}, TTL: 60})
			other, err := env.DialGateway(caller)
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			if _, err := other.Write(hello("other.wikipedia.org")); err != nil {
				t.Fatal(err)
			}
			env.WantStat(t, "wildcard_egress.allowed", 2)
			other.Close()
			conn.Close()
			wantIdle(t, env)
		})
	}
}

// loopingGateway dials the port on which it listens itself.
func loopingGateway(t *testing.T, plain bool) (env *testenv.Env, port string) {
	t.Helper()
	upstreamPort := regexp.MustCompile(`(?m)^ *upstream_port: \d+\n`)
	env = testenv.Start(t, testenv.Options{Policy: anyHost, WithoutSidecar: true, Plain: plain,
		EditGateway: func(config []byte) ([]byte, error) { return upstreamPort.ReplaceAll(config, nil), nil }})
	_, port, _ = strings.Cut(env.GatewayAddr, ":")
	if err := env.WritePolicy("version: 1\nrules: [{name: all, hosts: ['*'], ports: [" + port + "]}]"); err != nil {
		t.Fatal(err)
	}
	env.WantStat(t, "wildcard_egress.policy_loaded", 2)
	env.DNS.Set("loop.wikipedia.org", dns.Answer{Addrs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, TTL: 60})
	return env, port
}
