package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"syscall"
	"testing"

	"wildcard-egress/filter/clienthello/hellotest"
	"wildcard-egress/testenv"
	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/dns"
)

// The limits that the bootstrap sets (package bootstrap's golden files have
// them), made small and then broken.

func TestConnectionLimitRefusesAndEnvoyLives(t *testing.T) {
	const limit = 20
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, WithoutSidecar: true, Plain: true, EditGateway: replaced(
		`max_active_downstream_connections: "8192"`, fmt.Sprintf(`max_active_downstream_connections: "%d"`, limit))})
	var held []client.Conn
	for range limit {
		held = append(held, dialGateway(t, env))
	}
	for range 2 * limit {
		conn := dialGateway(t, env)
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
			t.Fatalf("a connection over the limit: read ends with %v, want it closed", err)
		}
	}
	for _, conn := range held {
		conn.Close()
	}
	env.WantStat(t, activeConnections, 0)
	if site, err := env.GetDirect(client.Outer{}, "en.wikipedia.org"); err != nil || site != "en.wikipedia.org" {
		t.Errorf("after the flood %s answers, %v; want en.wikipedia.org", site, err)
	}
	wantIdle(t, env)
}

// 64 KiB is the largest hello that a policy may allow. In records of one byte
// it is 384 KiB, and Envoy must hold it all.
func TestLargestHelloInSmallestRecordsPasses(t *testing.T) {
	const largest = 64 << 10
	env := testenv.Start(t, testenv.Options{WithoutSidecar: true,
		Policy: "version: 1\ndefaults: {max_client_hello_bytes: 65536}\nrules: [{name: all, hosts: ['*']}]\n"})
	site := rawSite(t, env, "raw.wikipedia.org")
	sent := hellotest.Records(hellotest.OfSize("raw.wikipedia.org", largest), 1)
	if got := exchange(t, env, sent); !bytes.Equal(got, sent) {
		t.Errorf("the client got back %d bytes, want the %d that it sent", len(got), len(sent))
	}
	if got := site.Connections()[0].Received(); !bytes.Equal(got, sent) {
		t.Errorf("the site got %d bytes, want %d, unaltered", len(got), len(sent))
	}
	over := []byte{22, 3, 1, 0, 4, 1, 1, 0, 0} // announces 65,536 bytes behind its header
	c := hellotest.Case{Bytes: over, Reason: "client_hello_too_large"}
	tryRow(t, env, c, verdictOf(c), func(conn client.Conn) { _, _ = conn.Write(c.Bytes) })
	wantIdle(t, env)
}

// A full DNS cache refuses new names; those that it has go on working.
func TestDNSCacheLimitRefusesNewNamesOnly(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, WithoutSidecar: true, Sites: []string{"*.wikipedia.org"},
		EditGateway: replaced("max_hosts: 4096", "max_hosts: 4")})
	ask := func(i int) error {
		_, err := env.GetDirect(env.App(), fmt.Sprintf("n%d.wikipedia.org", i))
		return err
	}
	for i := range 4 {
		if err := ask(i); err != nil {
			t.Fatal(err)
		}
	}
	if ask(4) == nil {
		t.Error("a fifth name was resolved, want it refused")
	}
	env.WantStat(t, "dns_cache.wildcard_egress.host_overflow", 1)
	if err := ask(0); err != nil {
		t.Errorf("a name in the cache: %v", err)
	}
	wantIdle(t, env)
}

// Lookups that hang are limited too; the connections over it end at once.
func TestPendingLookupLimitRefuses(t *testing.T) {
	const limit = 3
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, WithoutSidecar: true, Sites: []string{"en.wikipedia.org"},
		EditGateway: replaced("max_pending_requests: 8192", fmt.Sprintf("max_pending_requests: %d", limit))})
	env.DNS.Set("*.wikipedia.org", dns.Answer{Silent: true})
	for i := range limit {
		name := fmt.Sprintf("hangs-%d.wikipedia.org", i)
		if _, err := dialGateway(t, env).Write(hello(name)); err != nil {
			t.Fatal(err)
		}
		env.DNS.WantQueries(t, name)
	}
	over := dialGateway(t, env)
	if _, err := over.Write(hello("one-more.wikipedia.org")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(over); err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Error(err)
	}
	env.WantStat(t, "dns_cache.wildcard_egress.dns_rq_pending_overflow", 1)
	if n := env.DNS.Asked("one-more.wikipedia.org"); n != 0 {
		t.Errorf("DNS was asked %d times for the name over the limit, want none", n)
	}
	env.WantAlive(t)
}
