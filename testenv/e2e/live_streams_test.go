package e2e_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/built"
	"wildcard-egress/testenv/envoys"
	"wildcard-egress/testenv/sites"
)

// How streams talk while the policy is edited.
const (
	talkEvery  = 50 * time.Millisecond
	talkBytes  = 1024
	liveStream = 200
)

// The policy allows the streams throughout; all else about it changes.
func editNumber(i int) string {
	return policyOf(rule("live", "*.live.example.net", "close"), rule("edit", fmt.Sprintf("h%d.example.org", i), "keep"))
}

// The strongest point: the list changes, and nobody notices. In the same run
// the article's chain shows what an edit of a listener does.
func TestEditsOfThePolicyKeepStreams(t *testing.T) {
	env, site := startEcho(t, testenv.Options{Policy: editNumber(0), WithoutSidecar: true,
		GatewayFlags: []string{"--lds", filepath.Join(t.TempDir(), "listeners.yaml")}})
	before := listenerStats(t, env)
	streams := openStreams(t, env, liveStream, "live.example.net")
	talk := talkAll(streams, talkEvery, talkBytes)
	const edits = 50
	var took []time.Duration
	for i := range edits {
		took = append(took, edit(t, env, editNumber(i+1)))
	}
	failIfAny(t, "streams were reset or altered", talk.stop())
	slices.Sort(took)
	t.Logf("gateway: %d edits, in force after %v (median), %v (slowest); %d streams, %d round trips of %d bytes, 0 reset or altered, slowest %v",
		edits, took[edits/2].Round(time.Millisecond), took[edits-1].Round(time.Millisecond), len(streams), trips(streams), talkBytes, slowest(streams).Round(time.Millisecond))
	if diff := gocmp.Diff(before, listenerStats(t, env)); diff != "" {
		t.Errorf("the edits changed listeners (-before +after):\n%s", diff)
	}
	wantAllArrived(t, site, streams)
	if _, err := openStream(env, hello(fmt.Sprintf("h%d.example.org", edits))); err != nil {
		t.Errorf("a host of the last edit: %v", err)
	}
	if _, err := openStream(env, hello("h1.example.org")); err == nil {
		t.Error("a host that the last edit does not have is allowed")
	}
	env.WantAlive(t)
}

func TestEditsOfTheLegacyListenerResetStreams(t *testing.T) {
	lds := filepath.Join(t.TempDir(), "listeners.yaml")
	env, _ := startEcho(t, testenv.Options{Policy: editNumber(0), WithoutSidecar: true, Chain: "legacy",
		GatewayFlags: []string{"--lds", lds}, GatewayArgs: []string{"--drain-time-s", "1"}})
	streams := openStreams(t, env, liveStream, "live.example.net")
	talk := talkAll(streams, talkEvery, talkBytes)
	if err := env.WritePolicy(editNumber(1)); err != nil {
		t.Fatal(err)
	}
	renderLegacy(t, env, lds)
	took := within(t, revokedWithin, func() error {
		if n := talk.broken(); n < len(streams) {
			return fmt.Errorf("%d of %d streams were reset; is the comparison with this chain still right?", n, len(streams))
		}
		return nil
	})
	t.Logf("legacy: 1 edit of the listener, drain time 1 s: %d of %d streams reset within %v, such as: %v",
		len(talk.stop()), len(streams), took.Round(10*time.Millisecond), talk.errs[0])
}

// startEcho starts a gateway in front of sites that echo.
func startEcho(t *testing.T, o testenv.Options) (*testenv.Env, *sites.Site) {
	t.Helper()
	env := testenv.Start(t, o)
	return env, addEcho(t, env)
}

func addEcho(t *testing.T, env *testenv.Env) *sites.Site {
	t.Helper()
	site, err := env.AddSite(sites.Options{Names: []string{"*.example.net", "*.example.org"}})
	if err != nil {
		t.Fatal(err)
	}
	return site
}

// listenerStats are those that a change of listeners changes.
func listenerStats(t *testing.T, env *testenv.Env) map[string]int64 {
	t.Helper()
	stats, err := env.Gateway.Stats(`^listener_manager\.(listener_|total_|lds\.update_(attempt|success|rejected))`)
	if err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(stats, func(_ string, value int64) bool { return value == 0 })
	return stats
}

// wantAllArrived compares what the site got with what the streams sent.
func wantAllArrived(t *testing.T, site *sites.Site, streams []*stream) {
	t.Helper()
	sent := int64(0)
	for i := range streams {
		sent += int64(len(hello(fmt.Sprintf("s%d.live.example.net", i%50))))
	}
	sent += trips(streams) * talkBytes
	got := int64(0)
	for _, c := range site.Connections() {
		got += c.Total()
	}
	if got != sent {
		t.Errorf("the site got %d bytes, want the %d that were sent", got, sent)
	}
}

// renderLegacy writes the listeners again, as an operator does after an edit.
func renderLegacy(t *testing.T, env *testenv.Env, lds string) {
	t.Helper()
	envoy, err := envoys.Find()
	if err != nil {
		t.Fatal(err)
	}
	version, err := envoys.Version(t.Context(), envoy)
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string) string { return filepath.Join(env.Dir, name) }
	if _, err := built.Bootstrap(t.Context(), "legacy", "--policy", env.PolicyFile, "--listen", "127.0.0.1:0",
		"--admin", "127.0.0.1:0", "--access-log", env.GatewayLog.Path(), "--dns-resolver", env.DNS.Addr(),
		"--upstream-port", strconv.Itoa(int(env.Upstream.Port())), "--address-guard", "off",
		"--envoy-version", version[:strings.LastIndex(version, ".")], "--cert", file("legacy.pem"),
		"--key", file("legacy-key.pem"), "--ca", file("mesh-ca.pem"), "--lds", lds); err != nil {
		t.Fatal(err)
	}
}
