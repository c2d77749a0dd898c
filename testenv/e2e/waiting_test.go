package e2e_test

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/client"
)

const tooManyWaiting = "wildcard_egress.denied.too_many_waiting"

// Silent connections without a certificate take a share of the gateway, and no
// more: another caller is served, from another address and from theirs.
func TestSilentConnectionsLeaveRoomForOthers(t *testing.T) {
	const waiting, silent = 40, 200
	for _, plain := range []bool{false, true} {
		env := testenv.Start(t, testenv.Options{Policy: generous + wikipedia, WithoutSidecar: true, Plain: plain,
			GatewayFlags: []string{"--max-waiting", "40", "--max-connections", "100"}})
		var held []net.Conn
		defer func() {
			for _, conn := range held {
				conn.Close()
			}
		}()
		for range silent {
			conn, err := net.Dial("tcp", env.GatewayAddr)
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, conn)
		}
		other := env.App()
		other.From = "127.0.0.2"
		if site, err := env.GetDirect(other, "en.wikipedia.org"); err != nil || site != "en.wikipedia.org" {
			t.Errorf("plain %v: another caller: %s answers, %v; want en.wikipedia.org", plain, site, err)
		}
		env.WantStat(t, tooManyWaiting, silent-waiting/4)
		for _, conn := range held {
			conn.Close()
		}
		env.WantStat(t, activeConnections, 0)
		if site, err := env.GetDirect(env.App(), "en.wikipedia.org"); err != nil || site != "en.wikipedia.org" {
			t.Errorf("plain %v: the same address, later: %s answers, %v; want en.wikipedia.org", plain, site, err)
		}
		wantIdle(t, env)
	}
}

// The same holds of those who have shaken hands and say no more.
func TestSilentCallersWaitWithinTheLimit(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: generous + wikipedia, WithoutSidecar: true, GatewayFlags: []string{"--max-waiting", "40"}})
	var shaken []client.Conn
	for range 15 {
		if conn, err := env.DialGateway(env.App()); err == nil { // else it was closed in its handshake
			defer conn.Close()
			shaken = append(shaken, conn)
		}
	}
	wantTooManyWaiting(t, env, 5)
	served := 0
	for _, conn := range shaken {
		if session, err := env.Handshake(conn, "en.wikipedia.org"); err == nil && wantSite(session, "en.wikipedia.org") == nil {
			served++
		}
	}
	if served != 10 {
		t.Errorf("%d silent callers of one address waited, and were served then, want 10: a quarter of 40", served)
	}
}

// wantTooManyWaiting waits for the count of those closed, which comes with the next
// connection that is served.
func wantTooManyWaiting(t *testing.T, env *testenv.Env, n int64) {
	t.Helper()
	other := env.App()
	other.From = "127.0.0.2"
	if _, err := env.GetDirect(other, "en.wikipedia.org"); err != nil {
		t.Error(err)
	}
	env.WantStat(t, tooManyWaiting, n)
}

// limitsWaiting is a trial of the callbacks: of one address a quarter of eight wait.
func limitsWaiting(t *testing.T, _ *testenv.Env) {
	t.Helper()
	env := testenv.Start(t, testenv.Options{Policy: generous + wikipedia, WithoutSidecar: true, GatewayFlags: []string{"--max-waiting", "8"}})
	for i := range 3 {
		conn, err := net.Dial("tcp", env.GatewayAddr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if i < 2 {
			continue
		}
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the third connection that waits: read ends with %v, want it closed", err)
		}
	}
	wantTooManyWaiting(t, env, 1)
}
