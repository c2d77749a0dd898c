package bootstrap_test

import (
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	dfpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/common/dynamic_forward_proxy/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"

	"wildcard-egress/bootstrap"
)

func packed(t *testing.T, m proto.Message) *anypb.Any {
	t.Helper()
	a, err := anypb.New(m)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// all returns the messages of one type in m, packed ones too.
func all[M proto.Message](t *testing.T, m proto.Message) []M {
	t.Helper()
	var found []M
	err := protorange.Range(m.ProtoReflect(), func(p protopath.Values) error {
		if message, ok := p.Index(-1).Value.Interface().(protoreflect.Message); ok {
			if f, ok := message.Interface().(M); ok {
				found = append(found, f)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Envoy refuses to load caches of one name that differ.
func TestEveryDNSCacheOfABootstrapIsTheSame(t *testing.T) {
	for range 100 {
		c := randomConfig()
		for name, b := range map[string]struct {
			bootstrap *bootstrapv3.Bootstrap
			caches    int
		}{
			"gateway": {bootstrap.Gateway(c, "/policy.yaml"), 2},
			"legacy":  {bootstrap.Legacy(c, hosts), 2},
			"sidecar": {bootstrap.Sidecar(c, bootstrap.SidecarConfig{Hosts: hosts, GatewayHost: "::1", GatewayPort: 1, Passthrough: true}), 2},
		} {
			caches := all[*dfpv3.DnsCacheConfig](t, b.bootstrap)
			if len(caches) != b.caches {
				t.Fatalf("%s has %d DNS caches, want %d", name, len(caches), b.caches)
			}
			for _, cache := range caches {
				if want, got := yamlOf(t, caches[0]), yamlOf(t, cache); got != want {
					t.Errorf("%s: two DNS caches differ: %s", name, difference(want, got))
				}
				if guarded := cache.GetResolvedAddressFilter() != nil; guarded == c.AllowPrivateAddresses {
					t.Errorf("%s: address guard = %v with AllowPrivateAddresses = %v", name, guarded, c.AllowPrivateAddresses)
				}
			}
		}
	}
}

func randomConfig() bootstrap.Config {
	c := config()
	c.AllowPrivateAddresses = rand.IntN(2) == 0
	c.UpstreamPort = uint16(rand.IntN(1 << 16))
	c.MaxConnections = rand.Uint32()
	for range rand.IntN(3) {
		c.Resolvers = append(c.Resolvers, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, byte(rand.IntN(256))}), 53))
	}
	return c
}

func TestGatewayChain(t *testing.T) {
	listeners := bootstrap.Gateway(config(), "/policy.yaml").GetStaticResources().GetListeners()
	if len(listeners) != 1 || len(listeners[0].GetFilterChains()) != 1 || listeners[0].GetDefaultFilterChain() != nil {
		t.Fatalf("want one listener with one filter chain, got %v", listeners)
	}
	var got []string
	for _, f := range listeners[0].GetFilterChains()[0].GetFilters() {
		got = append(got, f.GetName())
	}
	want := []string{
		"envoy.filters.network.set_filter_state",
		"envoy.filters.network.dynamic_modules",
		"envoy.filters.network.sni_dynamic_forward_proxy",
		"envoy.filters.network.dynamic_modules", // says why the look-up or the connection failed
		"envoy.filters.network.tcp_proxy",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("filters: got %+v, want %+v", got, want)
	}
}

// A match without names is, to Envoy, a match of every name.
func TestAPolicyWithoutHostsOpensNoChain(t *testing.T) {
	for name, b := range map[string]*bootstrapv3.Bootstrap{
		"legacy":  bootstrap.Legacy(config(), bootstrap.Hosts{}),
		"sidecar": bootstrap.Sidecar(config(), bootstrap.SidecarConfig{GatewayHost: "::1", GatewayPort: 1}),
	} {
		for _, l := range b.GetStaticResources().GetListeners() {
			for _, chain := range l.GetFilterChains() {
				if chain.GetFilterChainMatch() != nil && chain.GetName() != "blocked" {
					t.Errorf("%s: chain %q is open to %v", name, chain.GetName(), chain.GetFilterChainMatch())
				}
			}
		}
	}
}

func TestSidecarSendsOtherNamesOnlyWhereItIsToldTo(t *testing.T) {
	for name, tt := range map[string]struct {
		config bootstrap.SidecarConfig
		want   []string // filter chains
	}{
		"block is the zero value":                     {bootstrap.SidecarConfig{Hosts: hosts}, []string{"to_gateway", "blocked"}},
		"passthrough":                                 {bootstrap.SidecarConfig{Hosts: hosts, Passthrough: true}, []string{"to_gateway", "passthrough"}},
		"every name is listed":                        {bootstrap.SidecarConfig{Hosts: bootstrap.Hosts{Any: true}}, []string{"to_gateway"}},
		"every name is listed, passthrough or not":    {bootstrap.SidecarConfig{Hosts: bootstrap.Hosts{Any: true}, Passthrough: true}, []string{"to_gateway"}},
		"no name is listed, and others are let alone": {bootstrap.SidecarConfig{Passthrough: true}, []string{"passthrough"}},
	} {
		t.Run(name, func(t *testing.T) {
			tt.config.GatewayHost, tt.config.GatewayPort = "127.0.0.1", 8443
			var got []string
			for _, l := range bootstrap.Sidecar(config(), tt.config).GetStaticResources().GetListeners() {
				for _, chain := range l.GetFilterChains() {
					got = append(got, chain.GetName())
					if !isTLSOnly(chain) {
						t.Errorf("chain %q is open to what is not TLS", chain.GetName())
					}
				}
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("filter chains: got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func isTLSOnly(chain *listenerv3.FilterChain) bool {
	return chain.GetFilterChainMatch().GetTransportProtocol() == "tls"
}
