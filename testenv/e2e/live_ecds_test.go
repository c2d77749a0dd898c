package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	gocmp "github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// deliver is edit for a policy that comes from elsewhere.
func (d *delivery) deliver(t *testing.T, policy string) time.Duration {
	t.Helper()
	before := stat(t, d.env, policyLoaded)
	if err := d.setPolicy(policy); err != nil {
		t.Fatal(err)
	}
	return within(t, inForce, func() error {
		if now := stat(t, d.env, policyLoaded); now != before+1 {
			return fmt.Errorf("%s = %d, want %d", policyLoaded, now, before+1)
		}
		return nil
	})
}

func TestPolicyByECDS(t *testing.T) {
	for name, way := range map[string]func(*testing.T) *delivery{"from a file": ecdsFile, "from a control plane": ecdsStream} {
		t.Run(name, func(t *testing.T) {
			d := way(t)
			startDelivery(t, d, policyOf(closing, keeping, live))
			wantStats(t, d.env, map[string]int64{policyRules: 3, policyStale: 0, policyLoaded: 1})
			before := listenerStats(t, d.env)
			doomed := openStreams(t, d.env, 50, "closing.example.net")
			others := append(openStreams(t, d.env, 50, "keeping.example.net"), openStreams(t, d.env, 50, "live.example.net")...)
			talk := talkAll(others, talkEvery, talkBytes)

			var took []time.Duration
			for i := range 10 {
				took = append(took, d.deliver(t, policyOf(closing, keeping, live, rule("edit", fmt.Sprintf("h%d.example.org", i), "keep"))))
			}
			slices.Sort(took)
			t.Logf("10 edits, in force after %v (median), %v (slowest)", took[5].Round(time.Millisecond), took[9].Round(time.Millisecond))
			if n := stat(t, d.env, "wildcard_egress.denied.revoked"); n != 0 {
				t.Errorf("%d connections revoked by edits that allow them", n)
			}

			began := time.Now()
			d.deliver(t, policyOf(live))
			within(t, revokedWithin, func() error { return wantRevoked(t, d.env, len(doomed)) })
			t.Logf("%d connections with older configurations revoked %v after the edit", len(doomed), time.Since(began).Round(time.Millisecond))
			for _, s := range doomed {
				if err := s.awaitEnd(revokedWithin); err != nil {
					t.Fatal(err)
				}
			}
			d.wantLastGoodKept(t)
			failIfAny(t, "streams were cut or altered", talk.stop())
			if diff := gocmp.Diff(before, listenerStats(t, d.env)); diff != "" {
				t.Errorf("the edits changed listeners (-before +after):\n%s", diff)
			}
			d.wantListenerStillChanges(t)
		})
	}
}

// wantLastGoodKept delivers policies with mistakes, after policyOf(live).
func (d *delivery) wantLastGoodKept(t *testing.T) {
	t.Helper()
	for i, bad := range []string{mistaken, "version: 1\nrules: []", "no policy"} {
		if err := d.setPolicy(bad); err != nil {
			t.Fatal(err)
		}
		within(t, inForce, func() error {
			if got := stat(t, d.env, policyRejected); got < int64(i+1) { // Envoy may hand one over twice
				return fmt.Errorf("%d policies rejected, want %d", got, i+1)
			}
			return nil
		})
		wantStats(t, d.env, map[string]int64{policyStale: 1, policyRules: 1})
		openStreams(t, d.env, 1, "live.example.net")
		if _, err := openStream(d.env, hello("a.keeping.example.net")); err == nil {
			t.Error("a host that the last good policy denies was allowed")
		}
	}
	if log := d.env.Gateway.LogTail(64 << 10); !strings.Contains(log, "filter_config:4:11: ") {
		t.Error("the log does not say where the mistake is")
	}
	d.wantNoRefusal(t)
}

// wantListenerStillChanges changes something else of the listener while the
// policy is bad: Envoy must not remember it as refused.
func (d *delivery) wantListenerStillChanges(t *testing.T) {
	t.Helper()
	const rejected, modified = "listener_manager.lds.update_rejected", "listener_manager.listener_modified"
	before := stat(t, d.env, modified)
	d.listener.PerConnectionBufferLimitBytes = wrapperspb.UInt32(256 << 10)
	if err := d.setListener(); err != nil {
		t.Fatal(err)
	}
	within(t, inForce, func() error {
		if now := stat(t, d.env, modified); now != before+1 {
			return fmt.Errorf("%s = %d, want %d", modified, now, before+1)
		}
		return nil
	})
	if n := stat(t, d.env, rejected); n != 0 {
		t.Errorf("%s = %d after a bad policy", rejected, n)
	}
	openStreams(t, d.env, 1, "live.example.net")
	d.deliver(t, policyOf(live, keeping))
	wantStats(t, d.env, map[string]int64{policyStale: 0, policyRules: 2})
	openStreams(t, d.env, 1, "keeping.example.net")
}

func TestInlinePolicyWorksAndDrains(t *testing.T) {
	t.Parallel()
	d := inline(t)
	startDelivery(t, d, policyOf(closing, live), "--drain-time-s", "2")
	doomed := openStreams(t, d.env, 50, "closing.example.net")
	streams := openStreams(t, d.env, 50, "live.example.net")
	talk := talkAll(streams, talkEvery, talkBytes)
	began := time.Now()
	took := d.deliver(t, policyOf(live))
	within(t, revokedWithin, func() error { return wantRevoked(t, d.env, len(doomed)) })
	openStreams(t, d.env, 1, "live.example.net")
	within(t, revokedWithin, func() error {
		if n := talk.broken(); n < len(streams) {
			return fmt.Errorf("%d of %d streams were cut", n, len(streams))
		}
		return nil
	})
	talk.stop()
	first := talk.firstEnd.Sub(began)
	t.Logf("inline: in force after %v; all %d streams cut by a drain of 2 s, the first %v after the edit", took.Round(time.Millisecond), len(streams), first.Round(100*time.Millisecond))
	if first < 2*time.Second {
		t.Errorf("a stream ended %v after the edit, before the drain did", first)
	}
}

// A listener update may have a new policy and a mistake elsewhere: Envoy makes
// our filter before it refuses the update. Many updates, since what an update
// changes for a moment matters only to whoever looks in that moment.
func TestPolicyOfAListenerThatEnvoyRefusesIsNotInForce(t *testing.T) {
	d := inline(t)
	startDelivery(t, d, policyOf(closing, live))
	streams := openStreams(t, d.env, 50, "closing.example.net")
	talk := talkAll(streams, talkEvery, talkBytes)
	chain := d.listener.FilterChains[0]
	chain.Filters = append(chain.Filters, &listenerv3.Filter{Name: "no_such_filter", ConfigType: chain.Filters[1].ConfigType})
	for i := range int64(10) {
		if err := d.setPolicy(policyOf(live, rule("edit", fmt.Sprintf("h%d.example.org", i), "keep"))); err != nil {
			t.Fatal(err)
		}
		within(t, inForce, func() error {
			if n := stat(t, d.env, "listener_manager.lds.update_rejected"); n != i+1 {
				return fmt.Errorf("%d listener updates refused, want %d", n, i+1)
			}
			return nil
		})
		openStreams(t, d.env, 1, "closing.example.net")
	}
	wantStats(t, d.env, map[string]int64{policyRules: 2, policyLoaded: 1})
	wantStats(t, d.env, map[string]int64{"wildcard_egress.denied.revoked": 0})
	failIfAny(t, "streams were cut", talk.stop())
}
