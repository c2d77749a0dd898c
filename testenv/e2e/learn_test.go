package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/built"
	"wildcard-egress/testenv/logs"
	"wildcard-egress/testenv/poll"
)

// How a team starts: everything passes and is reported, a policy is learned from
// the log, held against the log, and enforced. What was used goes on, and nothing
// else does.
func TestAPolicyIsLearnedFromTrafficAndEnforced(t *testing.T) {
	t.Parallel()
	env := testenv.Start(t, testenv.Options{WithoutSidecar: true, Policy: `
version: 1
defaults: {mode: shadow}
rules:
- {name: wikipedia, hosts: ["*.wikipedia.org"]}
- {name: never, action: deny, mode: enforce, hosts: [cloud.ibm.com]}
`})
	_, err := env.AddTLSSite("api.example.com", "a.cdn.example.net", "b.cdn.example.net", "c.cdn.example.net", "once.example.org")
	do(t, err)
	get := func(name string) error { _, err := env.GetDirect(env.App(), name); return err }
	used := []string{"en.wikipedia.org", "api.example.com", "a.cdn.example.net", "b.cdn.example.net", "c.cdn.example.net"}
	for _, name := range append(used, used...) {
		do(t, get(name))
	}
	do(t, get("once.example.org"))
	for _, name := range []string{"cloud.ibm.com", "cloud.ibm.com", "gone.example.com", "gone.example.com"} {
		if get(name) == nil {
			t.Fatalf("%s answered", name)
		}
	}
	env.GatewayLog.WantEntries(t, 2*len(used)+5)
	env.GatewayLog.WantEntry(t, logs.Named("gone.example.com"))

	log, learned := env.GatewayLog.Path(), filepath.Join(t.TempDir(), "learned.yaml")
	policy, err := built.Run(t.Context(), "logs", "learn", "--no-ports", "--allowed", "--wildcard-at", "3", log)
	do(t, err, os.WriteFile(learned, policy, 0o600))
	for _, want := range []string{`"en.wikipedia.org"  # 2 connections`, `"api.example.com"  # 2 connections`, `"*.cdn.example.net"  # 3 names`} {
		if !strings.Contains(string(policy), want) {
			t.Errorf("the learned policy has no %q:\n%s", want, policy)
		}
	}
	_, err = built.Run(t.Context(), "check", learned)
	do(t, err)
	out, err := built.Run(t.Context(), "logs", "replay", "--no-ports", learned, log)
	// Once once.example.org, and twice gone.example.com, which passed in shadow mode.
	if err == nil || !strings.Contains(string(out), "\n3 lost, 0 gained, 12 as before") {
		t.Errorf("replay: %v:\n%s", err, out)
	}

	do(t, env.WritePolicy(string(policy)))
	poll.Want(t, func() error {
		if get("once.example.org") == nil {
			return fmt.Errorf("the learned policy is not in force")
		}
		return nil
	})
	for _, name := range used {
		if err := get(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"cloud.ibm.com", "gone.example.com"} {
		if get(name) == nil {
			t.Errorf("%s answered", name)
		}
	}
	out, err = built.Run(t.Context(), "logs", "summary", log)
	do(t, err)
	if !strings.Contains(string(out), "denied_by_rule, rule never") || !strings.Contains(string(out), "dns_no_such_name") {
		t.Errorf("summary:\n%s", out)
	}
}
