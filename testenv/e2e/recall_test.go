package e2e_test

import (
	"fmt"
	"testing"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/certs"
	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/sites"
)

const (
	hit  = "wildcard_egress.decision_cache_hit"
	miss = "wildcard_egress.decision_cache_miss"
)

func startRecalling(t *testing.T, policy string, sites ...string) *testenv.Env {
	t.Helper()
	return testenv.Start(t, testenv.Options{Policy: policy, WithoutSidecar: true, Sites: sites,
		GatewayFlags: []string{"--decision-cache", "64"}})
}

// What is recalled looks like what was decided: the same upstream, log line and
// counters.
func TestRecalledDecisionIsTheSame(t *testing.T) {
	env := startRecalling(t, perWorkload, "en.wikipedia.org", "cloud.ibm.com")
	want := map[string]string{"rule": "everybody", "reason": "", "decision": "allow", "principal": certs.AppID,
		"server_name": "en.wikipedia.org", "shadow_rule": "trial-of-a-ban", "shadow_decision": "deny"}
	// A hello that comes in two reads is not recalled, so there is no exact number.
	connections := int64(0)
	for stat(t, env, hit) < 2 && connections < 50 {
		wantDecision(t, env, env.App(), "en.wikipedia.org", want)
		connections++
	}
	hits := stat(t, env, hit)
	if hits < 2 {
		t.Fatalf("%d of %d decisions were recalled, want 2", hits, connections)
	}
	env.WantStat(t, "wildcard_egress.allowed", connections)

	// Another caller, another outer server name: asked anew.
	wantDecision(t, env, client.Outer{Certificate: env.Identities.Payments}, "cloud.ibm.com", map[string]string{"rule": "payments", "reason": ""})
	wantDecision(t, env, env.App(), "cloud.ibm.com", map[string]string{"reason": "no_rule"})
	wantDecision(t, env, client.Outer{Certificate: env.Identities.TwoIDs}, "cloud.ibm.com", map[string]string{"reason": "no_rule"})
	wantDecision(t, env, client.Outer{Certificate: env.Identities.Payments, ServerName: "outbound_.22_.v_.x"}, "cloud.ibm.com",
		map[string]string{"reason": "no_rule"})
	env.WantStat(t, hit, hits)
}

func TestRefusalsAreNotRecalled(t *testing.T) {
	env := startRecalling(t, wikipedia, "en.wikipedia.org", "cloud.ibm.com")
	for range 3 {
		wantDecision(t, env, env.App(), "cloud.ibm.com", map[string]string{"reason": "no_rule"})
	}
	env.WantStat(t, hit, 0)
	env.WantStat(t, "wildcard_egress.denied.no_rule", 3)
}

// A policy that came makes all older decisions void at once.
func TestNewPolicyVoidsRecalledDecisions(t *testing.T) {
	env := startRecalling(t, wikipedia, "en.wikipedia.org")
	for version := range int64(20) {
		want := map[string]string{"reason": "", "rule": "wikipedia"}
		if version%2 == 1 {
			want = map[string]string{"reason": "no_rule"}
		}
		wantDecision(t, env, env.App(), "en.wikipedia.org", want)
		wantDecision(t, env, env.App(), "en.wikipedia.org", want)
		next := wikipedia
		if version%2 == 0 {
			next = fmt.Sprintf("version: 1\nrules: [{name: other, hosts: [v%d.example.com]}]", version)
		}
		if err := env.WritePolicy(next); err != nil {
			t.Fatal(err)
		}
		env.WantStat(t, "wildcard_egress.policy_loaded", version+2)
	}
}

// A connection that a later policy may have to end is not recalled: it must be
// tracked, and that is Go's.
func TestRevocableDecisionsAreNotRecalled(t *testing.T) {
	env := startRecalling(t, "version: 1\nrules: [{name: closing, hosts: [en.wikipedia.org], on_revoke: close}]", "en.wikipedia.org")
	for range 3 {
		wantDecision(t, env, env.App(), "en.wikipedia.org", map[string]string{"rule": "closing", "reason": ""})
	}
	env.WantStat(t, hit, 0)
}

// More names than the cache has room for, from several workers at once.
func TestCacheOverflowsToAsking(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, Plain: true, WithoutSidecar: true, Concurrency: 2,
		Sites: []string{"unused.test"}, GatewayFlags: []string{"--decision-cache", "4"}})
	if _, err := env.AddSite(sites.Options{Names: []string{"*.wikipedia.org"}, Serve: greetAndClose}); err != nil {
		t.Fatal(err)
	}
	failIfAny(t, "of 400 connections failed", inParallel(400, 8, func(i int) error {
		return askFor(env, fmt.Sprintf("site-%d.wikipedia.org", i%16))
	}))
	env.WantStat(t, "wildcard_egress.allowed", 400)
	env.WantAlive(t)
}

// askFor sends a hello in one write, so that it comes in one read.
func askFor(env *testenv.Env, serverName string) error {
	conn, err := env.DialGateway(client.Outer{})
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.Write(hello(serverName)); err != nil {
		return err
	}
	return wantGreeting(conn)
}

func TestCacheCanBeSwitchedOff(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, WithoutSidecar: true, GatewayFlags: []string{"--decision-cache", "0"}})
	for range 2 {
		wantDecision(t, env, env.App(), "en.wikipedia.org", map[string]string{"rule": "wikipedia", "reason": ""})
	}
	env.WantStat(t, hit, 0)
	env.WantStat(t, miss, 0)
}

// As many names as there is room for are all kept, wherever their hashes put
// them: names that throw each other out would enter Go in turns.
func TestCacheKeepsAllThatItHasRoomFor(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, Plain: true, WithoutSidecar: true,
		Sites: []string{"unused.test"}, GatewayFlags: []string{"--decision-cache", "4"}})
	if _, err := env.AddSite(sites.Options{Names: []string{"*.wikipedia.org"}, Serve: greetAndClose}); err != nil {
		t.Fatal(err)
	}
	for i := range 24 {
		if err := askFor(env, fmt.Sprintf("site-%d.wikipedia.org", i%4)); err != nil {
			t.Fatal(err)
		}
	}
	env.WantStat(t, miss, 4)
	env.WantStat(t, hit, 20)
}
