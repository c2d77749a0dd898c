package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/logs"
)

// What one caller may have, and that it takes nothing from another.

// tooMany is what a client reads that is over a limit.
var tooMany = []byte{21, 3, 3, 0, 2, 2, 112} // unrecognized_name

const anyBelow = "version: 1\ndefaults: {limits: %s}\nrules: [{name: all, hosts: ['*.wikipedia.org']}]\n"

// holding opens a connection that stays; an error says that it was refused.
func holding(t testing.TB, env *testenv.Env, who client.Outer, name string) (client.Conn, error) {
	t.Helper()
	conn, err := env.DialGateway(who)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := conn.Write(hello(name)); err != nil {
		return nil, err
	}
	got := make([]byte, len(tooMany))
	if _, err := io.ReadFull(conn, got); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if bytes.Equal(got, tooMany) {
		return conn, errTooMany
	}
	return conn, nil
}

var errTooMany = fmt.Errorf("refused with an alert")

// callers are two of each kind: by certificate, by address.
func callers(env *testenv.Env, plain bool) (one, other client.Outer) {
	if plain {
		return client.Outer{From: "127.0.0.1"}, client.Outer{From: "127.0.0.2"}
	}
	return env.App(), client.Outer{Certificate: env.Identities.Payments}
}

// One caller has all the connections that it may have. Another is unaffected, an
// edit counts at once, and so does a connection that ends. With decisions recalled
// and without.
func TestConnectionsOfACallerAreLimited(t *testing.T) {
	for _, plain := range []bool{false, true} {
		for _, cache := range []string{"0", "64"} {
			t.Run(fmt.Sprintf("plain %v, cache %s", plain, cache), func(t *testing.T) {
				env := testenv.Start(t, testenv.Options{Policy: fmt.Sprintf(anyBelow, "{per_caller: {connections: 5}}"),
					WithoutSidecar: true, Plain: plain, Sites: []string{"en.wikipedia.org"}, GatewayFlags: []string{"--decision-cache", cache}})
				one, other := callers(env, plain)
				want := func(who client.Outer, wanted error) client.Conn {
					t.Helper()
					conn, err := holding(t, env, who, "en.wikipedia.org")
					if !errors.Is(err, wanted) {
						t.Fatalf("got %v, want %v", err, wanted)
					}
					return conn
				}
				var held []client.Conn
				for range 5 {
					held = append(held, want(one, nil))
				}
				refused := want(one, errTooMany)
				wantLine(t, env, refused, "too_many_connections", "per_caller")
				want(other, nil)
				held[0].Close()
				env.WantStat(t, activeConnections, 5) // the refused one and the first have ended
				want(one, nil)
				want(one, errTooMany)
				if err := env.WritePolicy(fmt.Sprintf(anyBelow, "{per_caller: {connections: 7}}")); err != nil {
					t.Fatal(err)
				}
				env.WantStat(t, "wildcard_egress.policy_loaded", 2)
				want(one, nil)
				want(one, nil)
				want(one, errTooMany)
				env.WantStat(t, "wildcard_egress.denied.too_many_connections", 3)
			})
		}
	}
}

func wantLine(t *testing.T, env *testenv.Env, conn client.Conn, reason, detail string) {
	t.Helper()
	conn.Close()
	entry, err := env.GatewayLog.Wait(logs.From(conn.LocalAddr()))
	if err != nil || entry.Get("reason") != reason || entry.Get("detail") != detail {
		t.Errorf("access log %v, %v; want reason %s, detail %s", entry, err, reason, detail)
	}
}

// Whatever worker a connection is on, and whether its decision is recalled: never
// is there one too many, nor above a rate; and what a rate gives is given.
func TestLimitsAreExactAcrossWorkers(t *testing.T) {
	const limit, rate = 100, 40
	env := testenv.Start(t, testenv.Options{Policy: fmt.Sprintf(anyBelow, fmt.Sprintf("{per_caller: {connections: %d}}", limit)),
		WithoutSidecar: true, Plain: true, Concurrency: 4, Sites: []string{"en.wikipedia.org"}})
	one, other := callers(env, true)
	var allowed atomic.Int64
	failIfAny(t, "connections failed", inParallel(2*limit, 16, func(int) error {
		switch _, err := holding(t, env, one, "en.wikipedia.org"); {
		case err == nil:
			allowed.Add(1)
			return nil
		case errors.Is(err, errTooMany):
			return nil
		default:
			return err
		}
	}))
	if got := allowed.Load(); got != limit {
		t.Errorf("%d connections at a time, want %d", got, limit)
	}
	if stat(t, env, hit) == 0 {
		t.Error("no decision was recalled")
	}
	if err := env.WritePolicy(fmt.Sprintf(anyBelow, fmt.Sprintf("{per_caller: {new_connections_per_second: %d}}", rate))); err != nil {
		t.Fatal(err)
	}
	env.WantStat(t, "wildcard_egress.policy_loaded", 2)
	begin := time.Now()
	allowed.Store(0)
	failIfAny(t, "connections failed", inParallel(8, 8, func(int) error {
		for time.Since(begin) < 3*time.Second {
			switch conn, err := holding(t, env, other, "en.wikipedia.org"); {
			case err == nil:
				allowed.Add(1)
				conn.Close()
			case errors.Is(err, errTooMany):
				conn.Close()
			default:
				return err
			}
		}
		return nil
	}))
	took := time.Since(begin).Seconds()
	if got, most := float64(allowed.Load()), rate*(1+took)+1; got < rate || got > most {
		t.Errorf("%.0f new connections in %.1f s, want %d at once and %d a second: %.0f at most", got, took, rate, rate, most)
	}
	// How many there were besides, the machine's load decides. After a pause there
	// is room for what the rate gives in it, however long it was.
	<-time.After(500 * time.Millisecond)
	for i := range rate / 2 {
		if conn, err := holding(t, env, other, "en.wikipedia.org"); err != nil {
			t.Fatalf("connection %d of %d after half a second: %v", i+1, rate/2, err)
		} else {
			conn.Close()
		}
	}
}

// Random names under a wildcard end at the caller's limit; what it knows, and
// what another asks, goes on.
func TestNewNamesOfACallerAreLimited(t *testing.T) {
	for _, plain := range []bool{false, true} {
		env := testenv.Start(t, testenv.Options{Policy: fmt.Sprintf(anyBelow, "{per_caller: {names: 10}}"),
			WithoutSidecar: true, Plain: plain, Sites: []string{"*.wikipedia.org"}})
		one, other := callers(env, plain)
		want := func(who client.Outer, name string, wanted error) client.Conn {
			t.Helper()
			conn, err := holding(t, env, who, name+".wikipedia.org")
			if !errors.Is(err, wanted) {
				t.Fatalf("%s, plain %v: got %v, want %v", name, plain, err, wanted)
			}
			return conn
		}
		for i := range 20 {
			if i < 10 {
				want(one, fmt.Sprint("n", i), nil)
				continue
			}
			wantLine(t, env, want(one, fmt.Sprint("n", i), errTooMany), "too_many_names", "per_caller")
		}
		want(one, "n3", nil)
		for i := range 10 {
			want(other, fmt.Sprint("m", i), nil)
		}
		want(other, "n3", errTooMany)
		env.WantStat(t, "wildcard_egress.denied.too_many_names", 11)
		env.WantStat(t, "dns_cache.wildcard_egress.num_hosts", 20)
	}
}

// A rule's limits are for all its callers together, and in shadow mode they only
// leave a word.
func TestLimitsOfARule(t *testing.T) {
	policy := func(mode string) string {
		return "version: 1\nrules:\n- {name: few, hosts: [en.wikipedia.org], limits: {mode: " + mode + ", total: {connections: 2}}}\n" +
			"- {name: many, hosts: [de.wikipedia.org]}\n"
	}
	env := testenv.Start(t, testenv.Options{Policy: policy("enforce"), WithoutSidecar: true})
	one, other := callers(env, false)
	for _, c := range []struct {
		who  client.Outer
		name string
		want error
	}{{one, "en", nil}, {other, "en", nil}, {one, "en", errTooMany}, {other, "en", errTooMany}, {one, "de", nil}} {
		conn, err := holding(t, env, c.who, c.name+".wikipedia.org")
		if !errors.Is(err, c.want) {
			t.Fatalf("%s: got %v, want %v", c.name, err, c.want)
		}
		if err != nil {
			wantLine(t, env, conn, "too_many_connections", "rule_total")
		}
	}
	if err := env.WritePolicy(policy("shadow")); err != nil {
		t.Fatal(err)
	}
	env.WantStat(t, "wildcard_egress.policy_loaded", 2)
	conn, err := holding(t, env, one, "en.wikipedia.org")
	if err != nil {
		t.Fatalf("a limit in shadow mode: %v, want it let through", err)
	}
	conn.Close()
	if entry, err := env.GatewayLog.Wait(logs.From(conn.LocalAddr())); err != nil || entry.Get("shadow_reason") != "too_many_connections" {
		t.Errorf("access log %v, %v; want shadow_reason too_many_connections", entry, err)
	}
}

func TestConnectionEndsAfterItsLongestDuration(t *testing.T) {
	t.Parallel()
	for _, cache := range []string{"0", "64"} {
		env := testenv.Start(t, testenv.Options{Policy: fmt.Sprintf(anyBelow, "{connection_duration: 1s}"), WithoutSidecar: true,
			Sites: []string{"en.wikipedia.org"}, GatewayFlags: []string{"--decision-cache", cache}})
		for range 2 {
			begin := time.Now()
			conn := dialGateway(t, env)
			if _, err := conn.Write(hello("en.wikipedia.org")); err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, conn)
			if lived := time.Since(begin); lived < time.Second {
				t.Errorf("lived %v, want 1 s", lived)
			}
			entry, err := env.GatewayLog.Wait(logs.From(conn.LocalAddr()))
			if err != nil || entry.Get("decision") != "allow" || entry.Get("reason") != "connection_too_long" || entry.Get("rule") != "all" {
				t.Errorf("access log %v, %v; want it allowed, and ended as connection_too_long", entry, err)
			}
		}
		env.WantStat(t, "wildcard_egress.denied.connection_too_long", 2)
	}
}
