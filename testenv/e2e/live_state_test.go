package e2e_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/logs"
)

const mistaken = "version: 1\nrules:\n- name: live\n  hosts: ['*.']\n"

func TestBrokenPolicyFileKeepsTheLastGoodOneInForce(t *testing.T) {
	good := policyOf(rule("live", "*.live.example.net", "close"))
	env, _ := startEcho(t, testenv.Options{Policy: good, WithoutSidecar: true})
	began := time.Now().Unix()
	wantStats(t, env, map[string]int64{policyRules: 1, policyStale: 0, policyLoaded: 1, policyRejected: 0})
	version, loadedAt := stat(t, env, policyVersion), stat(t, env, policyLoadedAt)
	if version == 0 || loadedAt < began-60 || loadedAt > began {
		t.Errorf("policy_version %d, policy_loaded_at %d at %d; want a number, and seconds of just now", version, loadedAt, began)
	}
	streams := openStreams(t, env, 10, "live.example.net")
	talk := talkAll(streams, talkEvery, talkBytes)

	if err := env.WritePolicy(mistaken); err != nil {
		t.Fatal(err)
	}
	wantStats(t, env, map[string]int64{policyStale: 1, policyRejected: 1, policyRules: 1, policyVersion: version, policyLoadedAt: loadedAt})
	if want := env.PolicyFile + ":4:11: "; !strings.Contains(env.Gateway.LogTail(64<<10), want) {
		t.Errorf("the log does not say where the mistake is: %s", want)
	}
	openStreams(t, env, 1, "live.example.net")

	edit(t, env, good+rule("more", "*.more.example.net", "keep"))
	wantStats(t, env, map[string]int64{policyStale: 0, policyRejected: 1, policyRules: 2, policyLoaded: 2})
	if now := stat(t, env, policyVersion); now == version {
		t.Errorf("policy_version is still %d with other content", now)
	}
	edit(t, env, good)
	wantStats(t, env, map[string]int64{policyVersion: version, policyRules: 1})
	failIfAny(t, "streams were reset or altered", talk.stop())
}

// wantStats waits until all these stats are so.
func wantStats(t *testing.T, env *testenv.Env, want map[string]int64) {
	t.Helper()
	within(t, inForce, func() error {
		for name, value := range want {
			if got := stat(t, env, name); got != value {
				return fmt.Errorf("%s = %d, want %d", name, got, value)
			}
		}
		return nil
	})
}

// withoutPolicy is a place for a gateway whose policy file is missing at first.
func withoutPolicy(t *testing.T) (dir string, remove func([]byte) ([]byte, error)) {
	t.Helper()
	dir = t.TempDir()
	return dir, func(bootstrap []byte) ([]byte, error) {
		return bootstrap, os.Remove(filepath.Join(dir, "policy", "policy.yaml"))
	}
}

func TestGatewayWithoutAPolicyDeniesUntilThereIsOne(t *testing.T) {
	for _, name := range []string{"missing", "broken"} {
		t.Run(name, func(t *testing.T) {
			o := testenv.Options{Policy: mistaken, WithoutSidecar: true}
			if name == "missing" {
				o.Dir, o.EditGateway = withoutPolicy(t)
			}
			env, site := startEcho(t, o)
			wantStats(t, env, map[string]int64{policyStale: 1, policyRejected: 1, policyVersion: 0, policyRules: 0, policyLoadedAt: 0})
			conn := dialGateway(t, env)
			if _, err := conn.Write(hello("a.live.example.net")); err != nil {
				t.Fatal(err)
			}
			if entry := env.GatewayLog.WantEntry(t, logs.From(conn.LocalAddr())); entry.Get("reason") != "no_policy" {
				t.Errorf("reason %q, want no_policy", entry.Get("reason"))
			}
			site.WantConnections(t, 0)
			env.DNS.WantNoQueries(t)
			took := edit(t, env, policyOf(rule("live", "*.live.example.net", "keep")))
			openStreams(t, env, 1, "live.example.net")
			wantStats(t, env, map[string]int64{policyStale: 0, policyRules: 1})
			t.Logf("the good file was in force after %v", took.Round(time.Millisecond))
		})
	}
}

func TestGatewayThatRequiresAPolicyDoesNotStartWithoutOne(t *testing.T) {
	for name, want := range map[string]string{
		"missing": "policy.yaml: no such file or directory",
		"broken":  "policy.yaml:4:11: ",
	} {
		t.Run(name, func(t *testing.T) {
			o := testenv.Options{Policy: mistaken, WithoutSidecar: true, GatewayFlags: []string{"--require-policy-at-start"}}
			if name == "missing" {
				o.Dir, o.EditGateway = withoutPolicy(t)
			}
			env, err := testenv.New(context.Background(), o)
			if err == nil {
				env.Close()
				t.Fatal("it started")
			}
			if text := err.Error(); !strings.Contains(text, want) || !strings.Contains(text, "require_policy_at_start") {
				t.Errorf("it does not say why, with %q: %s", want, text)
			}
		})
	}
	t.Run("good, and broken later", func(t *testing.T) {
		env, _ := startEcho(t, testenv.Options{Policy: policyOf(rule("live", "*.live.example.net", "keep")),
			WithoutSidecar: true, GatewayFlags: []string{"--require-policy-at-start"}})
		if err := env.WritePolicy(mistaken); err != nil {
			t.Fatal(err)
		}
		wantStats(t, env, map[string]int64{policyStale: 1})
		openStreams(t, env, 1, "live.example.net")
	})
}

// A torn or mistaken edit is seen by what it takes away.
func TestWhatAnEditChangesIsSaid(t *testing.T) {
	deny := "- {name: no-uploads, action: deny, hosts: [upload.example.net]}\n"
	env, _ := startEcho(t, testenv.Options{Policy: policyOf(live, deny), WithoutSidecar: true})
	wantStats(t, env, map[string]int64{"wildcard_egress.policy_deny_rules": 1, "wildcard_egress.policy_hosts": 2,
		"wildcard_egress.policy_hosts_added": 0})
	edit(t, env, policyOf(live, rule("more", "more.example.net", "keep")))
	wantStats(t, env, map[string]int64{"wildcard_egress.policy_deny_rules": 0, "wildcard_egress.policy_hosts": 2,
		"wildcard_egress.policy_hosts_added": 1, "wildcard_egress.policy_hosts_removed": 1,
		"wildcard_egress.policy_rules_added": 1, "wildcard_egress.policy_rules_removed": 1, "wildcard_egress.policy_rules_modified": 0})
	log := env.Gateway.LogTail(64 << 10)
	for _, want := range []string{`rules_removed="1: no-uploads"`, `hosts_removed="1: deny upload.example.net"`,
		"opens much, which may be a mistake: no rule denies any more; there were 1 that did"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not say %q", want)
		}
	}
}
