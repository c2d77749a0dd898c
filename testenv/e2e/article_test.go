package e2e_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/certs"
	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/dns"
	"wildcard-egress/testenv/logs"
	"wildcard-egress/testenv/sites"
)

func TestEachNameUnderOneWildcardReachesItsOwnSite(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: wikipedia})
	for _, name := range []string{"en.wikipedia.org", "de.wikipedia.org"} {
		conn, err := env.Dial(name) // checks the site's own certificate
		if err != nil {
			t.Fatal(err)
		}
		if err := wantSite(conn, name); err != nil {
			t.Error(err)
		}
		conn.Close()
		env.Upstream.Site(name).WantConnections(t, 1)
		env.DNS.WantQueries(t, name)
		entry := env.GatewayLog.WantEntry(t, logs.Named(name))
		for field, want := range map[string]string{
			"decision": "allow", "rule": "wikipedia", "reason": "", "response_flags": "-",
			"principal":               certs.AppID,
			"upstream_remote_address": env.Upstream.Site(name).AddrPort().String(),
		} {
			if got := entry.Get(field); got != want {
				t.Errorf("%s: access log has %s %q, want %q", name, field, got, want)
			}
		}
	}
	env.WantStat(t, "wildcard_egress.allowed", 2)
}

// The first connection to a name waits for DNS. Without
// sni_dynamic_forward_proxy behind our filter, tcp_proxy would fail each of
// these with the flag UH (envoy.md, trap 9).
func TestFirstConnectionOfEachFreshNameWorks(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: generous + wikipedia, Sites: []string{"*.wikipedia.org"}})
	failIfAny(t, "of 200 fresh names failed", inParallel(200, 8, func(i int) error {
		conn, err := env.Dial(fmt.Sprintf("fresh-%d.wikipedia.org", i))
		if err != nil {
			return err
		}
		defer conn.Close()
		return wantSite(conn, "*.wikipedia.org")
	}))
	env.WantStat(t, "wildcard_egress.allowed", 200)
}

// Envoy's own limit of the DNS cache is 1,024 names, for all clients together.
func TestManyFreshNamesInARowAllWork(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: generous + wikipedia, Plain: true, WithoutSidecar: true,
		GatewayFlags: []string{"--dns-names", "8192"}})
	site, err := env.AddSite(sites.Options{Names: []string{"*.wikipedia.org"}, Serve: greet})
	if err != nil {
		t.Fatal(err)
	}
	const names = 4000 // the gateway has room for 4,096
	failIfAny(t, "of 4,000 fresh names failed", inParallel(names, 16, func(i int) error {
		conn, err := env.DialGateway(client.Outer{})
		if err != nil {
			return err
		}
		defer conn.Close()
		if _, err := conn.Write(hello(fmt.Sprintf("fresh-%d.wikipedia.org", i))); err != nil {
			return err
		}
		return wantGreeting(conn)
	}))
	site.WantConnections(t, names)
	env.WantStat(t, "dns_cache.wildcard_egress.host_overflow", 0)
}

// greet says one byte: the connection has arrived.
func greet(conn net.Conn) {
	_, _ = conn.Write([]byte{1})
	_, _ = io.Copy(io.Discard, conn)
}

func wantGreeting(conn net.Conn) error {
	first := make([]byte, 1)
	_, err := io.ReadFull(conn, first)
	if err == nil && first[0] != 1 {
		err = fmt.Errorf("read %d, want the site's greeting; 21 is an alert", first[0])
	}
	return err
}

func TestUpstreamGetsTheClientsBytesOnceAndUnaltered(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, WithoutSidecar: true})
	site := rawSite(t, env, "raw.wikipedia.org")
	sent := append(hello("raw.wikipedia.org"), randomBytes(t, 100_000)...)
	if got := exchange(t, env, sent); !bytes.Equal(got, sent) {
		t.Errorf("the client got back %d bytes, want the %d that it sent", len(got), len(sent))
	}
	site.WantConnections(t, 1)
	if got := site.Connections()[0].Received(); !bytes.Equal(got, sent) {
		t.Errorf("the site got %d bytes, want the %d that were sent, unaltered", len(got), len(sent))
	}
}

// Envoy hands over about 1 MB at once, in some 64 chunks.
func TestMegabytesRightBehindTheHelloArriveWhole(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, WithoutSidecar: true})
	site := rawSite(t, env, "raw.wikipedia.org")
	sent := append(hello("raw.wikipedia.org"), randomBytes(t, 8<<20)...)
	if got := exchange(t, env, sent); !bytes.Equal(got, sent) {
		t.Errorf("the client got back %d bytes, want the %d that it sent", len(got), len(sent))
	}
	if got := site.Connections()[0].Total(); got != int64(len(sent)) {
		t.Errorf("the site got %d bytes, want %d", got, len(sent))
	}
}

// rawSite echoes what comes, without TLS, so that its bytes can be compared.
func rawSite(t *testing.T, env *testenv.Env, name string) *sites.Site {
	t.Helper()
	site, err := env.AddSite(sites.Options{Names: []string{name}})
	if err != nil {
		t.Fatal(err)
	}
	return site
}

// exchange sends all at once without waiting, half-closes, and returns what
// comes back.
func exchange(t *testing.T, env *testenv.Env, sent []byte) []byte {
	t.Helper()
	conn := dialGateway(t, env)
	failed := make(chan error, 1)
	go func() {
		_, err := conn.Write(sent)
		if err == nil {
			err = conn.CloseWrite()
		}
		failed <- err
	}()
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Error(err)
	}
	if err := <-failed; err != nil {
		t.Error(err)
	}
	return got
}

func randomBytes(t *testing.T, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return b
}

// A site is dialled by what DNS says of the approved name, wherever the client
// wanted to go: to lie in the SNI about an address is pointless.
func TestConnectionGoesWhereDNSSays(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: wikipedia})
	before := snapshot(t, env)
	other := env.Upstream.Site("cloud.ibm.com").AddrPort()
	env.DNS.Set("de.wikipedia.org", dns.Answer{Addrs: []netip.Addr{other.Addr()}, TTL: 60})
	if _, err := env.Dial("de.wikipedia.org"); err == nil {
		t.Error("a session with de.wikipedia.org at cloud.ibm.com's address succeeded, want its certificate refused")
	}
	if change := since(t, env, before); change.Connections != 1 {
		t.Errorf("%d upstream connections, want 1", change.Connections)
	}
	env.Upstream.Site("cloud.ibm.com").WantConnections(t, 1)
}
