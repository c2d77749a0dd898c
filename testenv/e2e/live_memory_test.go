package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/poll"
)

// bigPolicy has 10,000 hosts beside those of the streams; i makes it another.
func bigPolicy(i int) string {
	var text strings.Builder
	text.WriteString(policyOf(live))
	for rule := range 100 {
		fmt.Fprintf(&text, "- name: big%d\n  hosts:\n", rule)
		for host := range 100 {
			fmt.Fprintf(&text, "  - '*.h%d-%d-%d.example.org'\n", rule, host, i)
		}
	}
	return text.String()
}

func reloads() int {
	if long {
		return 500
	}
	return 12
}

// Memory is compared from one round to the next: allocators keep what they had.
func TestReloadsOfABigPolicyDoNotGrowTheMemory(t *testing.T) {
	t.Run("file", func(t *testing.T) {
		env, _ := startEcho(t, testenv.Options{Policy: bigPolicy(0), WithoutSidecar: true})
		wantNoGrowth(t, env, func(policy string) { edit(t, env, policy) })
	})
	t.Run("ECDS", func(t *testing.T) {
		d := ecdsFile(t)
		startDelivery(t, d, bigPolicy(0))
		wantNoGrowth(t, d.env, func(policy string) { d.deliver(t, policy) })
	})
}

func wantNoGrowth(t *testing.T, env *testenv.Env, reload func(policy string)) {
	t.Helper()
	openStreams(t, env, 5, "live.example.net") // they hold the first configuration
	n := 0
	began := time.Now()
	wantGrowthToEnd(t, func() int64 {
		for range reloads() {
			n++
			reload(bigPolicy(n))
		}
		return residentBytes(t, env)
	})
	t.Logf("10,000 hosts: %d reloads in each round, %v per reload", reloads(), (time.Since(began) / time.Duration(n)).Round(time.Millisecond))
}

func residentBytes(t *testing.T, env *testenv.Env) int64 {
	t.Helper()
	usage, err := env.Gateway.Usage()
	if err != nil {
		t.Fatal(err)
	}
	return usage.ResidentBytes
}

// Connections of rules with on_revoke: keep are not tracked; this is what the
// others pay. Each Envoy is fresh, since allocators keep what they had. Only
// the long run has connections enough for a figure.
func TestTrackedConnectionsCostLittle(t *testing.T) {
	n, rounds := 500, 1
	if long {
		n, rounds = manyConnections(), 3
	}
	bytes := map[string]int64{} // the sum of the rounds
	for range rounds {
		for _, onRevoke := range []string{"keep", "close"} {
			t.Run(onRevoke, func(t *testing.T) {
				env, _ := startEcho(t, testenv.Options{Policy: policyOf(rule("live", "*.live.example.net", onRevoke)),
					WithoutSidecar: true, Plain: true, GatewayFlags: []string{"--max-connections", "9600"}})
				c := costOfStreams(t, env, n)
				bytes[onRevoke] += c.bytes
				t.Logf("%d connections, on_revoke %s: %d bytes and %v of CPU each", n, onRevoke, c.bytes, c.cpu)
			})
		}
	}
	more := (bytes["close"] - bytes["keep"]) / int64(rounds)
	t.Logf("a tracked connection has %d bytes more", more)
	if more > 4096 {
		t.Errorf("a tracked connection has %d bytes more, want less than a page", more)
	}
}

// cost is what one connection costs the gateway.
type cost struct {
	bytes int64 // resident
	cpu   time.Duration
}

// costOfStreams opens n streams and closes them.
func costOfStreams(t *testing.T, env *testenv.Env, n int) cost {
	t.Helper()
	before := cost{residentBytes(t, env), cpu(t, env, "")}
	streams := openStreams(t, env, n, "live.example.net")
	after := cost{residentBytes(t, env), cpu(t, env, "")}
	for _, s := range streams {
		s.conn.Close()
	}
	wantNoneLeft(t, env)
	return cost{(after.bytes - before.bytes) / int64(n), (after.cpu - before.cpu) / time.Duration(n)}
}

// wantNoneLeft waits until the gateway has no connection to a site any more.
func wantNoneLeft(t *testing.T, env *testenv.Env) {
	t.Helper()
	within(t, revokedWithin, func() error {
		if active := stat(t, env, "cluster.dynamic_forward_proxy.upstream_cx_active"); active != 0 {
			return fmt.Errorf("%d connections are left", active)
		}
		return nil
	})
}

// A load makes many times the file's size of garbage, and one that fails makes no
// less. All of it is given back soon; the policy in force is small.
func TestABigPolicyThatIsRefusedLeavesNoMemoryBehind(t *testing.T) {
	for name, line := range map[string]string{
		"a mistake in each host":    "  - '*.h%d.'\n",
		"one mistake at the end":    "  - h%d.example.org\n",
		"a mistake in each pattern": "  - '{a,b[h%d.example.org'\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env, _ := startEcho(t, testenv.Options{Policy: policyOf(live), WithoutSidecar: true})
			openStreams(t, env, 5, "live.example.net")
			before := residentBytes(t, env)
			var text strings.Builder
			text.WriteString(policyOf(live) + "- name: big\n  hosts:\n")
			for i := 0; text.Len() < 1<<20; i++ {
				fmt.Fprintf(&text, line, i)
			}
			began := time.Now()
			if err := env.WritePolicy(text.String() + "  - '*.'\n"); err != nil {
				t.Fatal(err)
			}
			env.WantStat(t, policyRejected, 1)
			took := time.Since(began)
			poll.Want(t, func() error {
				if now := residentBytes(t, env); now > before+40<<20 {
					return fmt.Errorf("%d MB resident, %d MB before", now>>20, before>>20)
				}
				return nil
			})
			t.Logf("refused after %v; %d MB resident before, %d MB after", took.Round(time.Millisecond), before>>20, residentBytes(t, env)>>20)
			if log := env.Gateway.LogTail(256 << 10); strings.Count(log, "policy.yaml:") > 25 {
				t.Errorf("%d problems are in the log", strings.Count(log, "policy.yaml:"))
			}
		})
	}
}
