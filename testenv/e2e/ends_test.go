package e2e_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"wildcard-egress/filter/clienthello/hellotest"
	"wildcard-egress/testenv"
	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/dns"
)

// cuts are where a client may stop: in the record header, in the handshake
// header, in each part of the hello, and one byte before its end.
func cuts(whole []byte) []int {
	return []int{0, 1, 4, 5, 6, 9, 11, 43, 76, 130, len(whole) / 2, len(whole) - 1}
}

func TestClientThatEndsEarlyIsRefused(t *testing.T) {
	env := startMatrix(t)
	whole := hello(hellotest.Site)
	for _, n := range cuts(whole) {
		t.Run(fmt.Sprintf("FIN after %d bytes", n), func(t *testing.T) {
			c := hellotest.Case{Bytes: whole[:n], Result: hellotest.Incomplete}
			tryRow(t, env, c, verdictOf(c), func(conn client.Conn) { _, _ = conn.Write(c.Bytes) })
		})
	}
	wantIdle(t, env)
}

func TestClientThatResetsIsRefused(t *testing.T) {
	for _, plain := range []bool{false, true} {
		env := startReset(t, plain)
		whole := hello(hellotest.Site)
		for _, n := range cuts(whole) {
			t.Run(fmt.Sprintf("RST after %d bytes, plain %v", n, plain), func(t *testing.T) {
				before := snapshot(t, env)
				conn := dialGateway(t, env)
				line := lineOf(t, env, conn)
				if _, err := conn.Write(whole[:n]); err != nil {
					t.Fatal(err)
				}
				reset(t, conn)
				entry := env.GatewayLog.WantEntry(t, line)
				if got := entry.Get("reason"); got != "incomplete" {
					t.Errorf("reason %q, want incomplete", got)
				}
				change := since(t, env, before)
				if change.Connections != 0 || len(change.Queries) != 0 || change.Stats["wildcard_egress.denied.incomplete"] != 1 {
					t.Errorf("%+v; want no connection, no query, one refusal", change)
				}
			})
		}
		wantIdle(t, env)
	}
}

func startReset(t *testing.T, plain bool) *testenv.Env {
	t.Helper()
	return testenv.Start(t, testenv.Options{Policy: anyHost, WithoutSidecar: true, Plain: plain})
}

// reset ends a connection with RST, whatever wraps it.
func reset(t *testing.T, conn net.Conn) {
	t.Helper()
	if outer, ok := conn.(*tls.Conn); ok {
		conn = outer.NetConn()
	}
	if err := conn.(*net.TCPConn).SetLinger(0); err != nil {
		t.Error(err) // any goroutine may call this
	}
	conn.Close()
}

// The end of the client's stream comes in the same read as the hello, or while
// the name is resolved, or later: the site's answer comes back all the same.
func TestHalfCloseAfterAGoodHelloWorks(t *testing.T) {
	for _, plain := range []bool{false, true} {
		env := testenv.Start(t, testenv.Options{Policy: wikipedia, WithoutSidecar: true, Plain: plain})
		site := rawSite(t, env, "raw.wikipedia.org")
		addr := site.AddrPort().Addr()
		for i, delay := range []time.Duration{0, 300 * time.Millisecond} {
			name := fmt.Sprintf("raw-%d.wikipedia.org", i)
			env.DNS.Set(name, dns.Answer{Addrs: []netip.Addr{addr}, TTL: 60, Delay: delay})
			t.Run(fmt.Sprintf("plain %v, DNS after %v", plain, delay), func(t *testing.T) {
				sent := hello(name)
				if got := exchange(t, env, sent); !bytes.Equal(got, sent) {
					t.Errorf("the client got back %d bytes, want the %d that it sent", len(got), len(sent))
				}
			})
		}
		t.Run(fmt.Sprintf("plain %v, after an answer", plain), func(t *testing.T) {
			conn := dialGateway(t, env)
			sent := hello("raw.wikipedia.org")
			if _, err := conn.Write(sent); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(conn, make([]byte, len(sent))); err != nil {
				t.Fatal(err)
			}
			if err := conn.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if rest, err := io.ReadAll(conn); err != nil || len(rest) != 0 {
				t.Errorf("read %d more bytes, %v; want the end of the stream", len(rest), err)
			}
		})
		if n := len(site.Connections()); n != 3 {
			t.Errorf("%d connections reached the site, want 3", n)
		}
		wantIdle(t, env)
	}
}

// TLS 1.3 early data comes right behind the hello (RFC 8446 section 2.3).
func TestEarlyDataFollowsItsHelloAndNothingElse(t *testing.T) {
	early := append([]byte{23, 3, 3, 0x10, 0}, randomBytes(t, 4096)...)
	resumed := func(name string) []byte {
		h := hellotest.Small(hellotest.ServerName(name), hellotest.Extension{Type: 42}, hellotest.PreSharedKey())
		return append(hellotest.Whole(h.Message()), early...)
	}
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, WithoutSidecar: true})
	site := rawSite(t, env, "raw.wikipedia.org")
	sent := resumed("raw.wikipedia.org")
	if got := exchange(t, env, sent); !bytes.Equal(got, sent) {
		t.Errorf("the client got back %d bytes, want the %d that it sent", len(got), len(sent))
	}
	if got := site.Connections()[0].Received(); !bytes.Equal(got, sent) {
		t.Errorf("the site got %d bytes, want the %d that were sent, unaltered", len(got), len(sent))
	}
	before := snapshot(t, env)
	c := hellotest.Case{Bytes: resumed("raw.example.com"), ServerName: "raw.example.com"}
	tryRow(t, env, c, verdict{reason: "no_rule", alert: 112}, func(conn client.Conn) { _, _ = conn.Write(c.Bytes) })
	if change := since(t, env, before); change.Connections != 0 {
		t.Errorf("%d connections for a refused hello with early data, want none", change.Connections)
	}
}

// What comes behind a refused hello is not kept: the client is told, or reset
// by the kernel for what nobody read.
func TestMegabytesBehindARefusedHello(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, WithoutSidecar: true})
	before, err := env.Gateway.Usage()
	if err != nil {
		t.Fatal(err)
	}
	sent := append(hello("raw.example.com"), randomBytes(t, 8<<20)...)
	failIfAny(t, "of 20 clients with 8 MB behind a refused hello saw no refusal", inParallel(20, 4, func(int) error {
		conn, err := env.DialGateway(env.App())
		if err != nil {
			return err
		}
		defer conn.Close()
		go func() { _, _ = conn.Write(sent) }() // cut short
		got, err := io.ReadAll(conn)
		if err != nil && !errors.Is(err, syscall.ECONNRESET) {
			return err
		}
		if alert := []byte{21, 3, 3, 0, 2, 2, 112}; len(got) > 0 && !bytes.Equal(got, alert) {
			return fmt.Errorf("read % x, want the alert", got)
		}
		return nil
	}))
	env.WantStat(t, "wildcard_egress.denied.no_rule", 20)
	env.Upstream.WantConnections(t, 0)
	env.DNS.WantNoQueries(t)
	after, err := env.Gateway.Usage()
	if err != nil {
		t.Fatal(err)
	}
	if grown := after.ResidentBytes - before.ResidentBytes; grown > 32<<20 {
		t.Errorf("160 MB behind refused hellos left the gateway %d bytes larger", grown)
	}
	wantIdle(t, env)
}
