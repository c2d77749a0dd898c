package testenv_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/certs"
	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/envoys"
	"wildcard-egress/testenv/logs"

	"github.com/google/go-cmp/cmp"
)

const wikipediaPolicy = `{"version": 1, "rules": [{"name": "wikipedia", "hosts": ["*.wikipedia.org"]}]}`

func TestEnv(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: wikipediaPolicy})
	t.Run("nothing has happened at first", func(t *testing.T) {
		env.Upstream.WantConnections(t, 0)
		env.DNS.WantNoQueries(t)
		env.WantStat(t, "wildcard_egress.allowed", 0)
	})
	t.Run("an allowed name goes through sidecar and gateway", func(t *testing.T) {
		if site, err := env.Get("de.wikipedia.org"); err != nil || site != "de.wikipedia.org" {
			t.Errorf("Get = %q, %v; want de.wikipedia.org", site, err)
		}
		env.Upstream.Site("de.wikipedia.org").WantConnections(t, 1)
		env.DNS.WantQueries(t, "de.wikipedia.org")
		entry := env.GatewayLog.WantEntry(t, logs.Named("de.wikipedia.org"))
		if got := entry.Get("principal"); got != certs.AppID {
			t.Errorf("the gateway saw principal %q, want %s", got, certs.AppID)
		}
	})
	t.Run("who connects directly chooses a certificate", func(t *testing.T) {
		conn, err := env.DialGateway(client.Outer{Certificate: env.Identities.Payments})
		if err != nil {
			t.Fatal(err)
		}
		from := logs.From(conn.LocalAddr())
		inner, err := env.Handshake(conn, "en.wikipedia.org")
		if err != nil {
			t.Fatal(err)
		}
		inner.Close()
		entry := env.GatewayLog.WantEntry(t, from)
		got := []string{entry.Get("principal"), entry.Get("server_name")}
		if diff := cmp.Diff([]string{certs.PaymentsID, "en.wikipedia.org"}, got); diff != "" {
			t.Errorf("principal and server name (-want +got):\n%s", diff)
		}
	})
	t.Run("a certificate of another authority gets nowhere", func(t *testing.T) {
		if site, err := env.GetDirect(client.Outer{Certificate: env.Identities.Stranger}, "en.wikipedia.org"); err == nil {
			t.Errorf("%q answered", site)
		}
		env.WantStat(t, "wildcard_egress.denied.handshake_failed", 1)
	})
	t.Run("a case sees its own changes only", func(t *testing.T) {
		before, err := env.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if site, err := env.GetDirect(env.App(), "cloud.ibm.com"); err == nil {
			t.Errorf("%q answered", site)
		}
		change, err := env.Since(before)
		want := testenv.Change{Stats: map[string]int64{"wildcard_egress.denied.no_rule": 1}}
		if diff := cmp.Diff(want, change); err != nil || diff != "" {
			t.Errorf("error %v, change (-want +got):\n%s", err, diff)
		}
	})
	t.Run("a site can join later", func(t *testing.T) {
		if _, err := env.AddTLSSite("*.fresh.wikipedia.org"); err != nil {
			t.Fatal(err)
		}
		if site, err := env.Get("a.fresh.wikipedia.org"); err != nil || site != "*.fresh.wikipedia.org" {
			t.Errorf("Get = %q, %v; want *.fresh.wikipedia.org", site, err)
		}
	})
	env.WantAlive(t)
}

func TestEnvOfOtherKinds(t *testing.T) {
	for name, options := range map[string]testenv.Options{
		"plain TCP between sidecar and gateway": {Policy: wikipediaPolicy, Plain: true},
		"the article's chain as the gateway":    {Policy: wikipediaPolicy, Chain: "legacy"},
		"two workers":                           {Policy: wikipediaPolicy, Concurrency: 2},
	} {
		t.Run(name, func(t *testing.T) {
			env := testenv.Start(t, options)
			if site, err := env.Get("en.wikipedia.org"); err != nil || site != "en.wikipedia.org" {
				t.Errorf("through both: %q, %v; want en.wikipedia.org", site, err)
			}
			if site, err := env.GetDirect(env.App(), "de.wikipedia.org"); err != nil || site != "de.wikipedia.org" {
				t.Errorf("directly: %q, %v; want de.wikipedia.org", site, err)
			}
			if site, err := env.GetDirect(env.App(), "cloud.ibm.com"); err == nil {
				t.Errorf("%q answered, want it refused", site)
			}
		})
	}
}

func TestEnvPassesRawBytes(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: wikipediaPolicy, Plain: true, WithoutSidecar: true})
	conn, err := env.DialGateway(client.Outer{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: en.wikipedia.org\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(conn); len(answer) > 0 {
		t.Errorf("answered %q, %v; want the connection closed", answer, err)
	}
	if got := env.GatewayLog.WantEntry(t, logs.From(conn.LocalAddr())).Get("reason"); got != "not_tls" {
		t.Errorf("reason %q, want not_tls", got)
	}
}

func TestEnvLeavesNothing(t *testing.T) {
	env, err := testenv.New(t.Context(), testenv.Options{Policy: wikipediaPolicy})
	if err != nil {
		t.Fatal(err)
	}
	if logs := env.Logs(1 << 20); !strings.Contains(logs, "log of envoy gateway") || !strings.Contains(logs, "starting workers") {
		t.Errorf("logs %.300q, want those of the gateway", logs)
	}
	if err := env.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(env.Dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there (%v)", env.Dir, err)
	}
	for _, envoy := range []*envoys.Envoy{env.Gateway, env.Sidecar} {
		if envoy.Alive() == nil {
			t.Errorf("envoy %s still runs", envoy.Name)
		}
	}
	if _, err := env.DialSidecar(); err == nil {
		t.Error("the sidecar still listens")
	}
}

func TestEnvThatDoesNotStartLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for name, tt := range map[string]struct {
		options testenv.Options
		want    string
	}{
		"a flag that the command does not have": {
			options: testenv.Options{Policy: wikipediaPolicy, SidecarFlags: []string{"--no-such-flag"}},
			want:    "sidecar: wildcard-egress bootstrap sidecar: exit status 2: sidecar: --no-such-flag: no such flag",
		},
		"a bootstrap that Envoy refuses": {
			options: testenv.Options{Policy: wikipediaPolicy, EditGateway: func(b []byte) ([]byte, error) {
				return bytes.Replace(b, []byte("static_resources"), []byte("no_such_field"), 1), nil
			}},
			want: "no_such_field",
		},
	} {
		t.Run(name, func(t *testing.T) {
			env, err := testenv.New(context.Background(), tt.options)
			if err == nil {
				env.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("New = %v, want %q", err, tt.want)
			}
			if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}
