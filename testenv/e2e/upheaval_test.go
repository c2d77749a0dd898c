package e2e_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"wildcard-egress/bootstrap"
	"wildcard-egress/testenv"
	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/dns"
)

// Clients leave while DNS has not answered: by FIN, by RST, before the answer
// and at the same moment. Nothing may be left of them.
func TestClientsGoWhileTheirNameIsResolved(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, WithoutSidecar: true, Sites: []string{"en.wikipedia.org"}})
	addr := env.Upstream.Site("en.wikipedia.org").AddrPort().Addr()
	env.DNS.Set("*.wikipedia.org", dns.Answer{Addrs: []netip.Addr{addr}, TTL: 60, Delay: 300 * time.Millisecond})
	const n = 100
	failIfAny(t, "clients failed", inParallel(n, n, func(i int) error {
		conn, err := env.DialGateway(env.App())
		if err != nil {
			return err
		}
		defer conn.Close()
		if _, err := conn.Write(hello(fmt.Sprintf("gone-%d.wikipedia.org", i))); err != nil {
			return err
		}
		<-time.After(time.Duration(rand.IntN(400)) * time.Millisecond)
		if i%2 == 0 {
			reset(t, conn)
		}
		return nil
	}))
	// A reset may throw a hello away that the gateway has not read yet.
	within(t, inForce, func() error {
		allowed, incomplete := stat(t, env, "wildcard_egress.allowed"), stat(t, env, "wildcard_egress.denied.incomplete")
		if allowed == 0 || allowed+incomplete != n {
			return fmt.Errorf("%d allowed, %d incomplete of %d", allowed, incomplete, n)
		}
		return nil
	})
	env.WantStat(t, "dns_cache.wildcard_egress.circuit_breakers.rq_pending_open", 0)
	env.WantStat(t, "dns_cache.wildcard_egress.circuit_breakers.rq_pending_remaining", 8192)
	if site, err := env.GetDirect(env.App(), "en.wikipedia.org"); err != nil || site != "en.wikipedia.org" {
		t.Errorf("afterwards %s answers, %v; want en.wikipedia.org", site, err)
	}
	wantIdle(t, env)
}

// Clients end at the moment of their deadline, on two workers.
func TestClientsGoAtTheirDeadline(t *testing.T) {
	env := testenv.Start(t, testenv.Options{WithoutSidecar: true, Plain: true, Concurrency: 2, GatewayFlags: []string{"--max-waiting", "20000"},
		Policy: "version: 1\ndefaults: {client_hello_timeout: 100ms}\nrules: [{name: all, hosts: ['*']}]\n"})
	part := hello("en.wikipedia.org")[:200]
	const n = 4000
	failIfAny(t, "clients failed", inParallel(n, 200, func(i int) error {
		conn, err := env.DialGateway(client.Outer{})
		if err != nil {
			return err
		}
		defer conn.Close()
		_, _ = conn.Write(part[:i%len(part)])
		stay := 95*time.Millisecond + time.Duration(rand.IntN(10_000))*time.Microsecond
		if i%4 == 0 { // however slow this machine is, some leave early
			stay = time.Duration(rand.IntN(50)) * time.Millisecond
		}
		<-time.After(stay)
		if i%2 == 0 {
			reset(t, conn)
		}
		return nil
	}))
	within(t, inForce, func() error {
		refused := stat(t, env, "wildcard_egress.denied.timeout") + stat(t, env, "wildcard_egress.denied.incomplete")
		if refused != n {
			return fmt.Errorf("%d of %d refused", refused, n)
		}
		return nil
	})
	if stat(t, env, "wildcard_egress.denied.timeout") == 0 || stat(t, env, "wildcard_egress.denied.incomplete") == 0 {
		t.Error("all ended the same way: the race was not there")
	}
	wantIdle(t, env)
}

// The cluster goes away under a live connection, which Envoy lets live on, under
// one that waits for DNS, and under one that has yet to send its hello.
func TestClusterIsRemovedMeanwhile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "clusters.yaml")
	env := testenv.Start(t, testenv.Options{Policy: generous + wikipedia, WithoutSidecar: true, EditGateway: clustersFrom(file)})
	live, err := env.DialDirect(env.App(), "en.wikipedia.org")
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	addr := env.Upstream.Site("en.wikipedia.org").AddrPort().Addr()
	removed := make(chan struct{})
	answer := sync.OnceFunc(func() { close(removed) })
	t.Cleanup(answer) // the server waits for its answers
	env.DNS.SetFunc("slow.wikipedia.org", func(dns.Query) dns.Answer {
		<-removed
		return dns.Answer{Addrs: []netip.Addr{addr}, TTL: 60}
	})
	resolving, early := dialGateway(t, env), dialGateway(t, env)
	if _, err := resolving.Write(hello("slow.wikipedia.org")); err != nil {
		t.Fatal(err)
	}
	env.DNS.WantQueries(t, "slow.wikipedia.org")
	writeClusters(t, file, "resources: []\n")
	env.WantStat(t, "cluster_manager.cluster_removed", 1)
	answer()
	if _, err := early.Write(hello("de.wikipedia.org")); err != nil {
		t.Fatal(err)
	}
	for name, conn := range map[string]io.Reader{"resolving": resolving, "early": early} {
		if got, err := io.ReadAll(conn); len(got) != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: read % x, %v; want the connection closed", name, got, err)
		}
	}
	if err := wantSite(live, "en.wikipedia.org"); err != nil {
		t.Errorf("live: %v", err)
	}
	live.Close()
	env.Upstream.WantConnections(t, 1)
	env.WantStat(t, activeConnections, 0)
	env.WantStat(t, "wildcard_egress.denied.panic", 0)
	env.WantAlive(t)
}

// clustersFrom moves the bootstrap's clusters to a file that Envoy watches.
func clustersFrom(file string) func([]byte) ([]byte, error) {
	return func(text []byte) ([]byte, error) {
		b, response := &bootstrapv3.Bootstrap{}, &discoveryv3.DiscoveryResponse{}
		if err := fromYAML(text, b); err != nil {
			return nil, err
		}
		for _, c := range b.StaticResources.Clusters {
			cluster, err := anypb.New(c)
			if err != nil {
				return nil, err
			}
			response.Resources = append(response.Resources, cluster)
		}
		clusters, err := bootstrap.YAML(response)
		if err != nil {
			return nil, err
		}
		b.StaticResources.Clusters = nil
		b.DynamicResources = &bootstrapv3.Bootstrap_DynamicResources{CdsConfig: &corev3.ConfigSource{
			ConfigSourceSpecifier: &corev3.ConfigSource_PathConfigSource{PathConfigSource: &corev3.PathConfigSource{Path: file}},
		}}
		if err := os.WriteFile(file, clusters, 0o600); err != nil {
			return nil, err
		}
		return bootstrap.YAML(b)
	}
}

// writeClusters replaces the file by rename, which is what Envoy looks for.
func writeClusters(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file+".next", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".next", file); err != nil {
		t.Fatal(err)
	}
}
