package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"wildcard-egress/testenv"
)

// Everything at once: clients come, are reset, leave or stay; the policy forbids
// them, allows them and forbids them again before the last revocation is done;
// configurations end on any thread, listeners drain. Orders that this does not
// meet are tried, under sanitizers, in envoy/abitest.
func TestRevocationWhileAllElseChanges(t *testing.T) {
	d := ecdsFile(t)
	startDelivery(t, d, policyOf(closing, live), "--drain-time-s", "1")
	duration := 5 * time.Second
	if long {
		duration = time.Minute
	}
	ctx, cancel := context.WithTimeout(t.Context(), duration)
	defer cancel()
	var opened, ended atomic.Int64
	var running sync.WaitGroup
	for range 48 {
		running.Go(func() { churn(ctx, d.env, &opened, &ended) })
	}
	edits, listeners := 0, 0
	for n := 1; ctx.Err() == nil; n++ {
		policy := policyOf(closing, live, rule("edit", fmt.Sprintf("h%d.example.org", n), "close"))
		if n%2 == 0 {
			policy = policyOf(live)
		}
		if err := d.setPolicy(policy); err != nil {
			t.Fatal(err)
		}
		edits++
		if n%10 == 0 {
			d.listener.PerConnectionBufferLimitBytes = wrapperspb.UInt32(uint32(100_000 + n))
			if err := d.setListener(); err != nil {
				t.Fatal(err)
			}
			listeners++
		}
		<-time.After(time.Duration(rand.IntN(int(150 * time.Millisecond))))
	}
	running.Wait()
	if err := d.setPolicy(policyOf(closing)); err != nil {
		t.Fatal(err)
	}
	wantStats(t, d.env, map[string]int64{policyRules: 1, policyStale: 0, policyRejected: 0})
	wantNoneLeft(t, d.env)
	openStreams(t, d.env, 1, "closing.example.net")
	d.env.WantAlive(t)
	revoked := stat(t, d.env, "wildcard_egress.denied.revoked")
	t.Logf("%d edits, %d listener updates, %d connections opened, %d seen to end from the other side, %d revoked", edits, listeners, opened.Load(), ended.Load(), revoked)
	if revoked == 0 || revoked > opened.Load() {
		t.Errorf("%d of %d connections revoked: the race was not there", revoked, opened.Load())
	}
}

// churn opens streams and ends them in different ways until ctx ends.
func churn(ctx context.Context, env *testenv.Env, opened, ended *atomic.Int64) {
	for ctx.Err() == nil {
		s, err := openStream(env, hello("a.closing.example.net"))
		if err != nil {
			continue // refused, or in between two listeners
		}
		opened.Add(1)
		switch rand.IntN(4) {
		case 0: // leave at once
		case 1: // in a moment, by a reset
			_ = s.awaitEnd(time.Duration(rand.IntN(int(100 * time.Millisecond))))
			if tcp, ok := s.conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
		default: // stay until the end
			if s.awaitEnd(time.Duration(rand.IntN(int(time.Second)))) == nil {
				ended.Add(1)
			}
		}
		s.conn.Close()
	}
}
