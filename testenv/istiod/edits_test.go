package istiod_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"wildcard-egress/bootstrap"
	"wildcard-egress/testenv/built"
	"wildcard-egress/testenv/certs"
	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/envoys"
	"wildcard-egress/testenv/istiod"
	"wildcard-egress/testenv/poll"
)

// sidecar is an application's sidecar whose listeners come of the manifests.
type sidecar struct {
	*envoys.Envoy
	lds     string
	updates int64
}

const gatewayHost = "wildcard-egress.wildcard-egress.svc.cluster.local"

// startSidecar starts one that can ask the gateway on the given ports. What it
// replaces has a second to end, where Istio's have 45.
func (m *mesh) startSidecar(t *testing.T, ports ...int) *sidecar {
	t.Helper()
	s := &sidecar{lds: filepath.Join(m.dir, "listeners.yaml")}
	gateway, err := netip.ParseAddrPort(m.GatewayAddr)
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := certs.WriteFiles(m.Identities.App, m.dir, "app")
	if err != nil {
		t.Fatal(err)
	}
	ca, err := m.Identities.Authority.WriteFile(m.dir, "app-ca")
	if err != nil {
		t.Fatal(err)
	}
	b := bootstrap.Sidecar(bootstrap.Config{
		Admin: netip.MustParseAddrPort("127.0.0.1:0"), TLS: &bootstrap.TLS{Cert: cert, Key: key, CA: ca},
	}, bootstrap.SidecarConfig{GatewayHost: gateway.Addr().String(), GatewayPort: gateway.Port()})
	plain := b.StaticResources.Clusters[0]
	b.StaticResources.Clusters = nil
	for _, port := range ports {
		b.StaticResources.Clusters = append(b.StaticResources.Clusters, gatewayCluster(t, plain, port))
	}
	bootstrap.SplitListeners(b, s.lds)
	s.write(t, m)
	text, err := bootstrap.YAML(b)
	if err != nil {
		t.Fatal(err)
	}
	binary, err := envoys.Find()
	if err != nil {
		t.Fatal(err)
	}
	s.Envoy, err = envoys.Start(t.Context(), envoys.Options{
		Name: "meshed-sidecar", Dir: m.dir, Binary: binary, Bootstrap: text, Args: []string{"--drain-time-s", "1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
	s.updates = 1
	return s
}

// gatewayCluster is the sidecar's way to one port of the gateway's Service.
func gatewayCluster(t *testing.T, plain *clusterv3.Cluster, port int) *clusterv3.Cluster {
	t.Helper()
	c := proto.Clone(plain).(*clusterv3.Cluster)
	c.Name = fmt.Sprintf("outbound|%d|wildcard|%s", port, gatewayHost)
	c.LoadAssignment.ClusterName = c.Name
	if err := edit(c.TransportSocket.GetTypedConfig(), &tlsv3.UpstreamTlsContext{}, func(u *tlsv3.UpstreamTlsContext) error {
		u.Sni = fmt.Sprintf("outbound_.%d_.wildcard_.%s", port, gatewayHost)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return c
}

// write has the sidecar's listeners as the mesh's policy wants them now.
func (s *sidecar) write(t *testing.T, m *mesh) {
	t.Helper()
	stream, err := m.manifests()
	if err != nil {
		t.Fatal(err)
	}
	listeners, err := istiod.Sidecar(stream, "default")
	if err != nil {
		t.Fatal(err)
	}
	response := &discoveryv3.DiscoveryResponse{}
	for _, l := range listeners {
		packed, err := anypb.New(l)
		if err != nil {
			t.Fatal(err)
		}
		response.Resources = append(response.Resources, packed)
	}
	text, err := bootstrap.YAML(response)
	if err == nil {
		err = errors.Join(os.WriteFile(s.lds+".next", text, 0o600), os.Rename(s.lds+".next", s.lds))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// update is write, and waits until the sidecar has it and nothing drains.
func (s *sidecar) update(t *testing.T, m *mesh) {
	t.Helper()
	s.write(t, m)
	s.updates++
	for _, stat := range []struct { // in this order: before the update nothing drains
		name string
		good func(int64) bool
	}{
		{"listener_manager.lds.update_success", func(v int64) bool { return v >= s.updates }},
		{"listener_manager.total_filter_chains_draining", func(v int64) bool { return v == 0 }},
		{"listener_manager.total_listeners_draining", func(v int64) bool { return v == 0 }},
	} {
		poll.Want(t, func() error {
			if v, err := s.Stat(stat.name); err != nil || !stat.good(v) {
				return fmt.Errorf("%s: %d, %v", stat.name, v, err) //nolint:errorlint // it may be nil
			}
			return nil
		})
	}
}

// dial opens a stream through the sidecar, as an application that asked for port.
func (s *sidecar) dial(t *testing.T, m *mesh, port int, name string) *tls.Conn {
	t.Helper()
	listeners, err := s.Listeners()
	if err != nil {
		t.Fatal(err)
	}
	addr, ok := listeners["0.0.0.0_"+strconv.Itoa(port)]
	if !ok {
		t.Fatalf("no listener for port %d: %v", port, listeners)
	}
	conn, err := net.DialTimeout("tcp", addr, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := m.Handshake(conn, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stream.Close() })
	return stream
}

func alive(stream *tls.Conn, name string) error {
	if err := stream.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	if site, err := client.Ask(stream); err != nil || site != name {
		return fmt.Errorf("%q, %w", site, err)
	}
	return nil
}

const (
	editedPolicy = `{"version": 1, "defaults": {"ports": [443, 8443]}, "rules": [
	{"name": "wikipedia", "hosts": ["*.wikipedia.org"]},
	{"name": "cloud", "hosts": ["cloud.ibm.com"]}]}`
	wikipediaRule, cloudRule = `{"name": "wikipedia", "hosts": ["*.wikipedia.org"]}`, `{"name": "cloud", "hosts": ["cloud.ibm.com"]}`
)

func TestAnEditCutsNoStream(t *testing.T) {
	t.Parallel()
	m := start(t, editedPolicy)
	before, err := m.resources(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := m.startSidecar(t, 443, 8443, 9443)
	m.wantReadySoon(t)
	streams := map[string][]*tls.Conn{}
	for range 5 {
		streams["en.wikipedia.org"] = append(streams["en.wikipedia.org"],
			s.dial(t, m, 443, "en.wikipedia.org"), s.dial(t, m, 8443, "en.wikipedia.org"))
		streams["cloud.ibm.com"] = append(streams["cloud.ibm.com"], s.dial(t, m, 443, "cloud.ibm.com"))
	}
	for _, tt := range []struct {
		name, from, to string
		cut            string // the host whose streams this ends; empty: none
	}{
		{name: "a host outside of all others", from: cloudRule, to: cloudRule + `, {"name": "new", "hosts": ["*.example.com", "example.org"]}`},
		{name: "a host below another", from: `"example.org"`, to: `"example.org", "www.example.org"`},
		{name: "the order of rules and hosts", from: wikipediaRule + ",\n\t" + cloudRule, to: cloudRule + ",\n\t" + wikipediaRule},
		{name: "without a host", from: `"example.org", `, to: ``},
		{name: "a port more", from: `[443, 8443]`, to: `[443, 8443, 9443]`},
		{name: "the ports in another order", from: `[443, 8443, 9443]`, to: `[9443, 8443, 443]`},
		{name: "that port away", from: `[9443, 8443, 443]`, to: `[443, 8443]`},
		{name: "a host itself away", from: cloudRule + ",", to: ``, cut: "cloud.ibm.com"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(m.policy, tt.from) {
				t.Fatalf("the policy has no %s: %s", tt.from, m.policy)
			}
			m.policy = strings.Replace(m.policy, tt.from, tt.to, 1)
			s.update(t, m)
			for name, all := range streams {
				for i, stream := range all {
					if err := alive(stream, name); (err != nil) != (name == tt.cut) {
						t.Errorf("stream %d to %s: %v; want it cut: %v", i, name, err, name == tt.cut)
					}
				}
			}
			after, err := m.resources(nil)
			if err != nil || !proto.Equal(before.Listener, after.Listener) {
				t.Errorf("%v; the gateway's listener is another one", err)
			}
		})
	}
}

// What holds for one host holds for many, and for the objects that they are
// dealt out to: no host of a large policy is without a chain at any time of an
// apply, and none has another chain after it.
func TestAnEditOfAManyHostsPolicyKeepsEveryOtherChain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.yaml")
	chains := func(hosts int) map[string]string {
		var text strings.Builder
		text.WriteString("version: 1\nrules:\n- name: many\n  hosts:\n")
		for i := range hosts {
			fmt.Fprintf(&text, "  - h%d.example%d.com\n", i, i%50)
		}
		if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		stream, err := built.Run(t.Context(), "istio", file)
		if err != nil {
			t.Fatal(err)
		}
		listeners, err := istiod.Sidecar(stream, "default")
		if err != nil || len(listeners) != 1 {
			t.Fatalf("%d listeners, %v", len(listeners), err)
		}
		all := map[string]string{}
		for _, c := range listeners[0].FilterChains {
			all[strings.Join(c.FilterChainMatch.ServerNames, " ")] = c.String()
		}
		return all
	}
	for _, size := range []struct{ before, after int }{{256, 257}, {257, 256}, {1000, 2100}} {
		before, after := chains(size.before), chains(size.after)
		for name, chain := range before {
			if then, ok := after[name]; ok && then != chain {
				t.Errorf("%d to %d hosts: the chain of %s is another one", size.before, size.after, name)
			}
		}
		if len(before) != size.before || len(after) != size.after {
			t.Errorf("%d and %d chains for %d and %d hosts", len(before), len(after), size.before, size.after)
		}
	}
}
