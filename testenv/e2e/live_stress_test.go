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
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var tried, opened, ended atomic.Int64
	var running sync.WaitGroup
	for range 48 {
		running.Go(func() { churn(ctx, d.env, &tried, &opened, &ended) })
	}
	revoked := func() int64 { return stat(t, d.env, "wildcard_egress.denied.revoked") }
	edits, listeners, begin := 0, 0, time.Now()
	// A loaded machine may need longer for the first of what is tried here.
	for n := 1; time.Since(begin) < duration || revoked() == 0 && time.Since(begin) < revokedWithin; n++ {
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
	cancel()
	running.Wait()
	// Of a number of rules that none before has had: it is known when it is in force.
	if err := d.setPolicy(policyOf(closing, live, keeping, rule("last", "last.example.org", "keep"))); err != nil {
		t.Fatal(err)
	}
	wantStats(t, d.env, map[string]int64{policyRules: 4, policyStale: 0, policyRejected: 0})
	wantNoneLeft(t, d.env)
	openStreams(t, d.env, 1, "closing.example.net")
	d.env.WantAlive(t)
	t.Logf("%d edits, %d listener updates, %d connections tried, %d opened, %d seen to end from the other side, %d revoked",
		edits, listeners, tried.Load(), opened.Load(), ended.Load(), revoked())
	// One that is revoked before its echo came is not counted as opened.
	if n := revoked(); n == 0 || n > tried.Load() {
		t.Errorf("%d of %d connections revoked: the race was not there", n, tried.Load())
	}
}

// churn opens streams and ends them in different ways until ctx ends.
func churn(ctx context.Context, env *testenv.Env, tried, opened, ended *atomic.Int64) {
	for ctx.Err() == nil {
		tried.Add(1)
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
