package bootstrap_test

import (
	"bytes"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"sigs.k8s.io/yaml"

	"wildcard-egress/bootstrap"
)

var update = flag.Bool("update", false, "write the golden files")

// config is a whole configuration; with says what is different.
func config(with ...func(*bootstrap.Config)) bootstrap.Config {
	c := bootstrap.Config{
		Listen: netip.MustParseAddrPort("0.0.0.0:8443"),
		Admin:  netip.MustParseAddrPort("127.0.0.1:9901"),
		TLS:    &bootstrap.TLS{Cert: "/tls/cert.pem", Key: "/tls/key.pem", CA: "/tls/ca.pem"},
	}
	for _, f := range with {
		f(&c)
	}
	return c
}

// trial is how a configuration looks on one machine, without the net.
func trial(c *bootstrap.Config) {
	c.Listen = netip.MustParseAddrPort("[::1]:0")
	c.TLS = nil
	c.Resolvers = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:5353"), netip.MustParseAddrPort("[2001:db8::53]:53")}
	c.AllowPrivateAddresses = true
	c.UpstreamPort = 8443
	c.AccessLog = "/var/log/egress.json"
	c.MaxConnections = 100
}

var hosts = bootstrap.Hosts{Names: []string{"*.wikipedia.org", "api.stripe.com", "*.paypal.com", "api.stripe.com"}}

// rendered has a bootstrap of each kind and option, by the name of its golden
// file.
func rendered() map[string]proto.Message {
	byLDS := bootstrap.Legacy(config(), hosts)
	listeners := bootstrap.SplitListeners(byLDS, "/etc/envoy/listeners.yaml")
	return map[string]proto.Message{
		"gateway":       bootstrap.Gateway(config(), "/etc/wildcard-egress/policy.yaml"),
		"ambient":       ambient(bootstrap.AmbientConfig{IPv6: true, Health: netip.MustParseAddrPort("0.0.0.0:15021")}),
		"gateway_trial": bootstrap.Gateway(config(trial), "/etc/wildcard-egress/policy.yaml"),
		"sidecar": bootstrap.Sidecar(config(), bootstrap.SidecarConfig{
			Hosts: hosts, GatewayHost: "egressgateway.istio-egress.svc.cluster.local", GatewayPort: 443,
			GatewayPrincipal: "spiffe://cluster.local/ns/istio-egress/sa/egressgateway",
		}),
		"sidecar_trial": bootstrap.Sidecar(config(trial), bootstrap.SidecarConfig{
			Hosts: hosts, GatewayHost: "127.0.0.1", GatewayPort: 8443, Passthrough: true,
		}),
		"sidecar_any_host": bootstrap.Sidecar(config(), bootstrap.SidecarConfig{
			Hosts: bootstrap.Hosts{Any: true}, GatewayHost: "::1", GatewayPort: 8443,
		}),
		"legacy":               bootstrap.Legacy(config(), hosts),
		"legacy_lds":           byLDS,
		"legacy_lds_listeners": listeners,
	}
}

func ambient(a bootstrap.AmbientConfig) *bootstrapv3.Bootstrap {
	c := config(func(c *bootstrap.Config) { c.Listen, c.TLS = bootstrap.AmbientListen, nil })
	b, err := bootstrap.AmbientGateway(c, "/etc/wildcard-egress/policy.yaml", a)
	if err != nil {
		panic(err)
	}
	return b
}

// Callers are believed there, so nobody else may reach it.
func TestAmbientGatewayListensOnLoopbackOnly(t *testing.T) {
	for listen, good := range map[string]bool{
		"127.0.0.1:15088": true, "127.8.8.8:0": true, "[::1]:15088": true,
		"0.0.0.0:15088": false, "[::]:15088": false, "10.0.0.1:15088": false, "169.254.0.1:1": false, "[::ffff:127.0.0.1]:1": false,
	} {
		c := config(func(c *bootstrap.Config) { c.Listen, c.TLS = netip.MustParseAddrPort(listen), nil })
		_, err := bootstrap.AmbientGateway(c, "/policy.yaml", bootstrap.AmbientConfig{})
		if good != (err == nil) || err != nil && !strings.Contains(err.Error(), "listen on 127.0.0.1 or ::1 only") {
			t.Errorf("%s: %v, want good %v", listen, err, good)
		}
	}
	c := config(func(c *bootstrap.Config) { c.Listen = bootstrap.AmbientListen })
	if _, err := bootstrap.AmbientGateway(c, "/policy.yaml", bootstrap.AmbientConfig{}); err == nil {
		t.Error("a gateway behind ztunnel was given certificates")
	}
	c = config(func(c *bootstrap.Config) {
		c.Listen, c.TLS, c.Admin = bootstrap.AmbientListen, nil, netip.MustParseAddrPort("127.0.0.1:0")
	})
	if _, err := bootstrap.AmbientGateway(c, "/policy.yaml", bootstrap.AmbientConfig{Health: bootstrap.AmbientListen}); err == nil {
		t.Error("a health listener was given an admin interface on any port")
	}
}

func TestRenderedBootstrapsEqualTheGoldenFiles(t *testing.T) {
	for name, m := range rendered() {
		t.Run(name, func(t *testing.T) {
			got, err := bootstrap.YAML(m)
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+".yaml")
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s is another (-update writes it): %s", golden, difference(string(want), string(got)))
			}
		})
	}
}

// Envoy refuses fields that it does not know, and so does protojson.
func TestYAMLReadStrictlyIsTheMessageAgain(t *testing.T) {
	for name, m := range rendered() {
		t.Run(name, func(t *testing.T) {
			text, err := bootstrap.YAML(m)
			if err != nil {
				t.Fatal(err)
			}
			json, err := yaml.YAMLToJSON(text)
			if err != nil {
				t.Fatal(err)
			}
			got := m.ProtoReflect().New().Interface()
			if err := protojson.Unmarshal(json, got); err != nil {
				t.Fatal(err)
			}
			if again := yamlOf(t, got); again != string(text) {
				t.Errorf("read back it is another: %s", difference(string(text), again))
			}
		})
	}
}

// Text that YAML would take for something else must stay text.
func TestYAMLKeepsTextThatLooksLikeSomethingElse(t *testing.T) {
	for _, text := range []string{"on", "no", "y", "null", "~", "1e5", "0x10", "12:30", "2026-01-01", "a: b", "- a", "# a", "%41", `\"'`, "é 中", " a "} {
		b := &bootstrapv3.Bootstrap{FlagsPath: text}
		out, err := bootstrap.YAML(b)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Path any `json:"flags_path"`
		}
		if err := yaml.Unmarshal(out, &got); err != nil || got.Path != text {
			t.Errorf("%q was printed as %q and read as %#v (%v)", text, out, got.Path, err)
		}
	}
}

func TestValidateLooksIntoPackedMessages(t *testing.T) {
	b := bootstrap.Gateway(config(), "/etc/wildcard-egress/policy.yaml")
	bootstrap.SplitListeners(b, "") // Envoy wants a path
	if err := bootstrap.Validate(b); err == nil || !strings.Contains(err.Error(), "Path") {
		t.Errorf("without the listeners' path: Validate = %v, want an error that names it", err)
	}

	c := config()
	c.TLS.Cert = "" // the certificate is in a transport socket, in a listener, in an Any
	response := bootstrap.SplitListeners(bootstrap.Gateway(c, "/policy.yaml"), "/listeners.yaml")
	if err := bootstrap.Validate(response); err == nil || !strings.Contains(err.Error(), "Filename") {
		t.Errorf("without a certificate's file: Validate = %v, want an error that names it", err)
	}
	if _, err := bootstrap.YAML(response); err == nil {
		t.Error("YAML printed what Validate refuses")
	}
}

func TestSplitListenersMovesEveryListener(t *testing.T) {
	want := bootstrap.Legacy(config(), hosts).GetStaticResources().GetListeners()
	b := bootstrap.Legacy(config(), hosts)
	response := bootstrap.SplitListeners(b, "/listeners.yaml")
	if left := b.GetStaticResources().GetListeners(); len(left) != 0 {
		t.Errorf("%d listeners are still in the bootstrap", len(left))
	}
	if got := b.GetDynamicResources().GetLdsConfig().GetPathConfigSource().GetPath(); got != "/listeners.yaml" {
		t.Errorf("the listeners are read from %q, want /listeners.yaml", got)
	}
	var all discoveryv3.DiscoveryResponse
	for _, l := range want {
		all.Resources = append(all.Resources, packed(t, l))
	}
	if want, got := yamlOf(t, &all), yamlOf(t, response); got != want {
		t.Errorf("listeners: %s", difference(want, got))
	}
}

// difference returns the first line in which two texts differ.
func difference(want, got string) string {
	wants, gots := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(wants), len(gots)) {
		if wants[i] != gots[i] {
			return fmt.Sprintf("line %d: got %q, want %q", i+1, gots[i], wants[i])
		}
	}
	return fmt.Sprintf("got %d lines, want %d", len(gots), len(wants))
}

// yamlOf returns the one text of a message. Equal messages in an Any may have
// other bytes, which proto.Equal would compare.
func yamlOf(t *testing.T, m proto.Message) string {
	t.Helper()
	text, err := bootstrap.YAML(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
