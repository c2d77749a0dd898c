package e2e_test

import (
	"fmt"
	"testing"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/logs"
)

// tcp_proxy reads nothing until its upstream is connected, and dials as soon as
// it may. Our filter comes first: no hello, no DNS query and no connection
// (envoy.md, trap 8).
func TestNothingIsDialledBeforeTheHello(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: generous + wikipedia, WithoutSidecar: true})
	part := hello("en.wikipedia.org")
	conn := dialGateway(t, env) // its handshake is done
	if _, err := conn.Write(part[:len(part)-1]); err != nil {
		t.Fatal(err)
	}
	env.WantStat(t, "listener.admin.downstream_cx_active", 1) // and Envoy goes round meanwhile
	env.Upstream.WantConnections(t, 0)
	env.DNS.WantNoQueries(t)
	if _, err := conn.Write(part[len(part)-1:]); err != nil {
		t.Fatal(err)
	}
	env.Upstream.Site("en.wikipedia.org").WantConnections(t, 1)
}

// Go's checks of pointers across cgo stay on, and the collector runs all the
// time: nothing in the module needs GODEBUG (envoy.md, trap 2) or a quiet heap.
func TestModuleUnderGoRuntimePressure(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, WithoutSidecar: true, Concurrency: 2,
		GatewayEnv: []string{"GODEBUG=cgocheck=1", "GOGC=1"}})
	failIfAny(t, "of 400 connections were not decided as they must be", inParallel(400, 16, func(i int) error {
		if i%2 == 0 {
			_, err := env.GetDirect(env.App(), "en.wikipedia.org")
			return err
		}
		if site, err := env.GetDirect(env.App(), "cloud.ibm.com"); err == nil {
			return fmt.Errorf("%s answered, though it is not listed", site)
		}
		return nil
	}))
	env.WantStat(t, "wildcard_egress.allowed", 200)
	env.WantStat(t, "wildcard_egress.denied.no_rule", 200)
	env.WantStat(t, "wildcard_egress.denied.panic", 0)
	env.WantAlive(t)
}

func TestSidecarBlocksWhatIsNotListed(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: wikipedia})
	if site, err := env.Get("cloud.ibm.com"); err == nil {
		t.Errorf("%s answered, though it is not listed", site)
	}
	entry := env.SidecarLog.WantEntry(t, logs.Named("cloud.ibm.com"))
	if got := entry.Get("filter_chain_name"); got != "blocked" {
		t.Errorf("sidecar's filter chain %q, want blocked", got)
	}
	env.WantStat(t, "wildcard_egress.denied.no_rule", 0) // it never came so far
	env.Upstream.WantConnections(t, 0)
}

func TestSidecarPassesOtherHostsOnIfAsked(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, SidecarFlags: []string{"--unlisted", "passthrough"}})
	for _, name := range []string{"en.wikipedia.org", "cloud.ibm.com"} {
		if site, err := env.Get(name); err != nil || site != name {
			t.Errorf("Get(%s) = %q, %v", name, site, err)
		}
	}
	env.WantStat(t, "wildcard_egress.allowed", 1) // cloud.ibm.com went directly
}

// The chain that this project replaces must work too, or the comparison is none.
func TestLegacyChainServesTheArticle(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, Chain: "legacy"})
	for _, name := range []string{"en.wikipedia.org", "de.wikipedia.org"} {
		if site, err := env.Get(name); err != nil || site != name {
			t.Errorf("Get(%s) = %q, %v", name, site, err)
		}
	}
	if site, err := env.GetDirect(env.App(), "cloud.ibm.com"); err == nil {
		t.Errorf("%s answered, though it is not listed", site)
	}
}
