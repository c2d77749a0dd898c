package e2e_test

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/built"
	"wildcard-egress/testenv/client"
)

// wikipediaClosing and nothingAllowed make a connection live and then forbidden.
const (
	wikipediaClosing = "version: 1\nrules: [{name: wikipedia, hosts: ['*.wikipedia.org'], on_revoke: close}]\n"
	ibmOnly          = "version: 1\nrules: [{name: ibm, hosts: [cloud.ibm.com]}]\n"
)

// faulty is a gateway whose module fails at a point (faults_on.go of the module's main).
func faulty(t *testing.T, point string) testenv.Options {
	t.Helper()
	build, err := built.Dir()
	if err != nil {
		t.Fatal(err)
	}
	policy := wikipediaClosing
	if point == "deadline" { // what the others send in time may come late on a loaded machine
		policy = "defaults: {client_hello_timeout: 1s}\n" + policy
	}
	return testenv.Options{Policy: policy, WithoutSidecar: true, ModuleDir: filepath.Join(build, "fault"),
		GatewayEnv: []string{"WILDCARD_EGRESS_PANIC=" + point}}
}

// wantForced fails unless the module said that it failed at the point.
func wantForced(t *testing.T, env *testenv.Env, point string) {
	t.Helper()
	_, hook, isNil := strings.Cut(point, "nil:")
	want := "forced in " + point
	if isNil {
		want = "in " + hook + ", failing closed: runtime error: invalid memory address"
	}
	if log := env.Gateway.LogTail(1 << 20); !strings.Contains(log, want) {
		t.Errorf("the log has no %q: the fault was not there", want)
	}
}

// A panic in a hook of a connection closes that connection, and no more.
func TestPanicInAHookClosesItsConnection(t *testing.T) {
	t.Parallel()
	sendHello := func(t *testing.T, conn client.Conn, _ *testenv.Env) {
		if _, err := conn.Write(hello("en.wikipedia.org")); err != nil {
			t.Error(err)
		}
	}
	for point, drive := range map[string]func(*testing.T, client.Conn, *testenv.Env){
		"new":            sendHello,
		"new_connection": sendHello,
		"read":           sendHello,
		"nil:read":       sendHello, // a signal, which Go must get although Envoy has handlers
		"event": func(t *testing.T, conn client.Conn, _ *testenv.Env) {
			if _, err := conn.Write([]byte{22, 3}); err != nil {
				t.Error(err)
			}
			reset(t, conn)
		},
		"deadline": func(*testing.T, client.Conn, *testenv.Env) {},
		"revoke": func(t *testing.T, conn client.Conn, env *testenv.Env) {
			inner, err := env.Handshake(conn, "en.wikipedia.org")
			if err != nil {
				t.Error(err)
				return
			}
			if err := wantSite(inner, "en.wikipedia.org"); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(point, func(t *testing.T) {
			env := testenv.Start(t, faulty(t, point))
			const n = 5
			var conns []client.Conn
			for range n {
				conns = append(conns, dialGateway(t, env))
				drive(t, conns[len(conns)-1], env)
			}
			if point == "revoke" {
				if err := env.WritePolicy(ibmOnly); err != nil {
					t.Fatal(err)
				}
			}
			for _, conn := range conns {
				_, _ = io.ReadAll(conn) // returns: the connection is closed
			}
			env.WantStat(t, "wildcard_egress.denied.panic", n)
			if point != "revoke" {
				env.Upstream.WantConnections(t, 0)
				env.DNS.WantNoQueries(t)
			}
			wantForced(t, env, point)
			env.WantAlive(t)
			env.WantStat(t, activeConnections, 0)
			env.WantStat(t, "cluster.dynamic_forward_proxy.upstream_cx_active", 0)
		})
	}
}

// A panic around a configuration or in a goroutine leaves the policies as they
// are, or as they are to be, and Envoy alive.
func TestPanicAroundThePolicyLeavesItInForce(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"config_scheduled", "policy_changed", "revoke_doomed"} {
		t.Run(point, func(t *testing.T) {
			options := faulty(t, point)
			options.Policy = wikipedia // whose decisions are recalled
			env := testenv.Start(t, options)
			for range 2 {
				if _, err := env.GetDirect(env.App(), "en.wikipedia.org"); err != nil {
					t.Fatal(err)
				}
			}
			if err := env.WritePolicy(ibmOnly); err != nil {
				t.Fatal(err)
			}
			within(t, revokedWithin, func() error {
				_, err := env.GetDirect(env.App(), "cloud.ibm.com")
				return err
			})
			if site, err := env.GetDirect(env.App(), "en.wikipedia.org"); err == nil {
				t.Errorf("%s answers, though the policy in force denies it", site)
			}
			within(t, revokedWithin, func() error {
				if !strings.Contains(env.Gateway.LogTail(1<<20), "forced in "+point) {
					return fmt.Errorf("the log has no panic forced in %s: the fault was not there", point)
				}
				return nil
			})
			wantIdle(t, env)
		})
	}
}

// At the end of a configuration nothing is left to close. It comes with the end
// of Envoy, which must be a clean one: testenv sees to that.
func TestPanicAtTheEndOfAConfigurationIsSwallowed(t *testing.T) {
	const point = "config_destroy"
	options := faulty(t, point)
	options.Policy = wikipedia
	env, err := testenv.New(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	conn := dialGateway(t, env) // waits for the rest of its hello until the end
	if _, err := conn.Write(hello("en.wikipedia.org")[:100]); err != nil {
		t.Fatal(err)
	}
	env.WantStat(t, activeConnections, 1)
	if err := env.Gateway.Stop(); err != nil {
		t.Errorf("envoy ended badly: %v\n%s", err, env.Gateway.LogTail(1<<14))
	}
	wantForced(t, env, point)
	_ = env.Close() // says that the gateway has ended already
}

// A configuration that cannot be made is refused, without a crash.
func TestPanicInConfigNewRefusesTheConfiguration(t *testing.T) {
	env, err := testenv.New(t.Context(), faulty(t, "config_new"))
	if err == nil {
		_ = env.Close()
		t.Fatal("the gateway started, want its configuration refused")
	}
	for _, want := range []string{"forced in config_new", "exit status 1"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the gateway did not start for another reason than %q: %v", want, err)
		}
	}
}
