package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"wildcard-egress/testenv"
)

// manyConnections is what fits into 20,000 files of each process.
func manyConnections() int {
	if long {
		return 9000
	}
	return 2000
}

// dispatcherStats has Envoy measure the turns of its workers.
func dispatcherStats(bootstrap []byte) ([]byte, error) {
	return append(bootstrap, "enable_dispatcher_stats: true\nstats_flush_on_admin: true\n"...), nil
}

// turns are those of a worker's event loop, counted by their longest duration.
type turns map[time.Duration]int64

func workerTurns(t *testing.T, env *testenv.Env) turns {
	t.Helper()
	body, err := env.Gateway.Admin("/stats?format=json&histogram_buckets=cumulative&filter=worker_0.dispatcher.loop_duration")
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Stats []struct {
			Histograms []struct {
				Buckets []struct {
					UpperBound float64 `json:"upper_bound"`
					Cumulative int64   `json:"cumulative"`
				} `json:"buckets"`
			} `json:"histograms"`
		} `json:"stats"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatal(err)
	}
	n := turns{}
	for _, bucket := range answer.Stats[0].Histograms[0].Buckets {
		n[time.Duration(bucket.UpperBound*float64(time.Microsecond))] = bucket.Cumulative
	}
	return n
}

// longerThan counts the turns since before that took longer than limit, a
// bound of the buckets.
func (n turns) longerThan(limit time.Duration, before turns) int64 {
	all := slices.Max(slices.Collect(maps.Keys(n)))
	return n[all] - n[limit] - (before[all] - before[limit])
}

func TestManyConnectionsAreRevokedInSmallTurns(t *testing.T) {
	n := manyConnections()
	env, _ := startEcho(t, testenv.Options{Policy: policyOf(closing, live), WithoutSidecar: true, Plain: true,
		EditGateway: dispatcherStats, GatewayFlags: []string{"--max-connections", "9600"}})
	bystanders := openStreams(t, env, 5, "live.example.net")
	doomed := openStreams(t, env, n, "closing.example.net")
	wantCheapDecisions(t, env, n)

	before, worker := workerTurns(t, env), cpu(t, env, "wrk:")
	talk := talkAll(bystanders, 2*time.Millisecond, 64)
	began := time.Now()
	if err := env.WritePolicy(policyOf(live)); err != nil {
		t.Fatal(err)
	}
	within(t, revokedWithin, func() error { return wantRevoked(t, env, n) })
	elapsed := time.Since(began)
	worker = cpu(t, env, "wrk:") - worker
	failIfAny(t, "bystanders were cut or altered", talk.stop())
	after := workerTurns(t, env)
	t.Logf("%d connections on one worker revoked %v after the edit, %v of its time each; turns over 2.5, 5, 10 ms (wall clock): %d, %d, %d; bystanders: %d round trips, slowest %v",
		n, elapsed.Round(time.Millisecond), (worker / time.Duration(n)).Round(time.Microsecond), after.longerThan(2500*time.Microsecond, before),
		after.longerThan(5*time.Millisecond, before), after.longerThan(10*time.Millisecond, before), trips(bystanders), slowest(bystanders).Round(time.Millisecond))
	// By number: on a loaded machine a turn takes longer, by any clock.
	if busy := after.longerThan(250*time.Microsecond, before); busy < int64(n/100) {
		t.Errorf("%d connections were revoked in %d busy turns of the worker, want some 100 in each at most", n, busy)
	}
	for _, s := range doomed {
		if err := s.awaitEnd(revokedWithin); err != nil {
			t.Fatal(err)
		}
	}
}

// wantCheapDecisions edits the policy so that all live connections stay.
func wantCheapDecisions(t *testing.T, env *testenv.Env, n int) {
	t.Helper()
	before := cpu(t, env, "")
	loaded := stat(t, env, policyLoaded)
	if err := env.WritePolicy(policyOf(closing, live, rule("more", "more.example.org", "close"))); err != nil {
		t.Fatal(err)
	}
	env.WantStat(t, policyLoaded, loaded+1) // looks seldom, for on a loaded machine it looks often
	decided := cpu(t, env, "") - before
	t.Logf("%d live connections decided again: %v of CPU of all threads, the reload and the watching of statistics included", n, decided.Round(time.Millisecond))
	if most := time.Second * time.Duration(n) / 10_000; decided > most {
		t.Errorf("%v of CPU to decide %d connections again, want %v at most", decided, n, most)
	}
}

func wantRevoked(t *testing.T, env *testenv.Env, n int) error {
	t.Helper()
	if got := stat(t, env, "wildcard_egress.denied.revoked"); got != int64(n) {
		return fmt.Errorf("%d connections revoked, want %d", got, n)
	}
	return nil
}

// cpu is the CPU time of the gateway's threads whose names begin with prefix.
func cpu(t *testing.T, env *testenv.Env, prefix string) (sum time.Duration) {
	t.Helper()
	usage, err := env.Gateway.Usage()
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range usage.Threads {
		if strings.HasPrefix(thread.Name, prefix) {
			sum += thread.CPU
		}
	}
	return sum
}
