package e2e_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/certs"
	"wildcard-egress/testenv/logs"
)

// revokedWithin is the patience for the end of live connections.
const revokedWithin = time.Minute

var (
	closing = rule("closing", "*.closing.example.net", "close")
	keeping = rule("keeping", "*.keeping.example.net", "keep")
	live    = rule("live", "*.live.example.net", "close")
)

func TestRevocationEndsWhatMustGoAndNothingElse(t *testing.T) {
	const n = 50
	env, _ := startEcho(t, testenv.Options{Policy: policyOf(closing, keeping, live), WithoutSidecar: true, Concurrency: 2})
	doomed, stalled := openStreams(t, env, n, "closing.example.net"), openStreams(t, env, 5, "closing.example.net")
	for _, s := range stalled {
		s.fill(t)
	}
	doomedTalk := talkAll(doomed, talkEvery, talkBytes)
	others := append(openStreams(t, env, n, "keeping.example.net"), openStreams(t, env, n, "live.example.net")...)
	talk := talkAll(others, talkEvery, talkBytes)

	began := time.Now()
	edit(t, env, policyOf(live))
	within(t, revokedWithin, func() error {
		if got := stat(t, env, "wildcard_egress.denied.revoked"); got != n+int64(len(stalled)) {
			return fmt.Errorf("%d connections revoked, want %d", got, n+len(stalled))
		}
		if ended := doomedTalk.broken(); ended != n {
			return fmt.Errorf("%d of %d clients have seen their end", ended, n)
		}
		return nil
	})
	t.Logf("%d connections ended, 5 of clients that do not read, %v after the edit", n+len(stalled), time.Since(began).Round(time.Millisecond))
	doomedTalk.stop()
	for _, s := range append(doomed[:3:3], stalled...) {
		entry := env.GatewayLog.WantEntry(t, logs.From(s.conn.LocalAddr()))
		for key, want := range map[string]string{"decision": "deny", "reason": "revoked",
			"rule": "closing", "principal": certs.AppID} {
			if got := entry.Get(key); got != want {
				t.Errorf("access log has %s %q, want %q", key, got, want)
			}
		}
	}
	if _, err := openStream(env, hello("new.keeping.example.net")); err == nil {
		t.Error("a new connection of a rule that is gone was allowed")
	}
	before := trips(others)
	within(t, inForce, func() error {
		if trips(others) < before+int64(len(others)) {
			return fmt.Errorf("the other streams have stopped")
		}
		return nil
	})
	failIfAny(t, "streams of other rules were cut or altered", talk.stop())
}

// fill writes until nobody takes more: the client does not read the echo.
func (s *stream) fill(t *testing.T) {
	t.Helper()
	chunk := make([]byte, 64<<10)
	for {
		if err := s.conn.SetWriteDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.conn.Write(chunk); os.IsTimeout(err) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// A rule may come back before all its connections are closed: those that are
// left stay.
func TestSecondEditStopsARevocation(t *testing.T) {
	for range 20 { // the second edit may come too late
		if comesBack(t) > 0 {
			return
		}
	}
	t.Error("all connections were closed, each time, although their rule came back")
}

// comesBack edits the policy while connections are revoked, and returns how many
// are left.
func comesBack(t *testing.T) int {
	t.Helper()
	env, _ := startEcho(t, testenv.Options{Policy: policyOf(closing), WithoutSidecar: true, Plain: true})
	streams := openStreams(t, env, 1500, "closing.example.net")
	edit(t, env, policyOf(live))
	within(t, revokedWithin, func() error {
		if stat(t, env, "wildcard_egress.denied.revoked") == 0 {
			return fmt.Errorf("no connection is revoked yet")
		}
		return nil
	})
	edit(t, env, policyOf(closing))
	left := 0
	for _, s := range streams { // each has ended, or works
		chunk := []byte("still there?")
		if _, err := s.conn.Write(chunk); err == nil && s.wantBack(chunk) == nil {
			left++
		}
	}
	wantStats(t, env, map[string]int64{"wildcard_egress.denied.revoked": int64(len(streams) - left)})
	t.Logf("%d of %d connections are left since their rule came back", left, len(streams))
	env.WantAlive(t)
	return left
}

// Envoy may end while it revokes.
func TestTerminationDuringARevocationIsClean(t *testing.T) {
	for range 3 {
		env, err := testenv.New(t.Context(), testenv.Options{Policy: policyOf(closing), WithoutSidecar: true, Plain: true, Concurrency: 2})
		if err != nil {
			t.Fatal(err)
		}
		addEcho(t, env)
		openStreams(t, env, 500, "closing.example.net")
		edit(t, env, policyOf(live))
		if err := env.Close(); err != nil {
			t.Error(err)
		}
	}
}
