package e2e_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"wildcard-egress/testenv"
)

// The tests of the live policy. Their figures are logged, for the README.

const (
	policyLoaded   = "wildcard_egress.policy_loaded"
	policyRejected = "wildcard_egress.policy_rejected"
	policyStale    = "wildcard_egress.policy_stale"
	policyVersion  = "wildcard_egress.policy_version"
	policyRules    = "wildcard_egress.policy_rules"
	policyLoadedAt = "wildcard_egress.policy_loaded_at"
	inForce        = time.Minute // patience for a change of the policy: what it took is logged, and a loaded machine is no failure
)

// long says whether the tests may take minutes: `make test` must not.
var long = os.Getenv("WILDCARD_EGRESS_LONG") != ""

// rule is one line of a policy.
func rule(name, host, onRevoke string) string {
	return fmt.Sprintf("- {name: %s, hosts: [%q], on_revoke: %s}\n", name, host, onRevoke)
}

// generous lets one caller have all, and take its time: a test has one caller, is
// fast on a quick machine, and slow on a loaded one.
const generous = "defaults: {client_hello_timeout: 1m, limits: {per_caller: {connections: unlimited, new_connections_per_second: unlimited, " +
	"names: unlimited, new_names_per_second: unlimited}}}\n"

func policyOf(rules ...string) string {
	text := "version: 1\n" + generous + "rules:\n"
	for _, r := range rules {
		text += r
	}
	return text
}

// within polls until check returns nil.
func within(t *testing.T, limit time.Duration, check func() error) (took time.Duration) {
	t.Helper()
	begin := time.Now()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		took = time.Since(begin)
		if err == nil {
			return took
		}
		if took > limit {
			t.Fatalf("not within %v: %v", limit, err)
		}
		<-tick.C
	}
}

func stat(t *testing.T, env *testenv.Env, name string) int64 {
	t.Helper()
	value, err := env.Gateway.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// edit writes the policy file and returns how long it took to be in force.
func edit(t *testing.T, env *testenv.Env, content string) time.Duration {
	t.Helper()
	before := stat(t, env, policyLoaded)
	if err := env.WritePolicy(content); err != nil {
		t.Fatal(err)
	}
	return within(t, inForce, func() error {
		if now := stat(t, env, policyLoaded); now != before+1 {
			return fmt.Errorf("%s = %d, want %d", policyLoaded, now, before+1)
		}
		return nil
	})
}
