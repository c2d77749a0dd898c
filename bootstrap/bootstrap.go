// Package bootstrap renders Envoy bootstraps: the egress gateway, an
// application's sidecar, and the chain of EnvoyFilters that this project
// replaces, for comparison. It builds typed messages and validates them; it
// reads no file and knows no Envoy process. The pieces (DNS cache, filters,
// clusters, access log) are functions of their own, since the Istio manifests
// are made of the same ones.
package bootstrap

import (
	"net/netip"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Config is what every bootstrap needs. The zero value of an optional field is
// the safe choice.
type Config struct {
	Listen netip.AddrPort // where connections come in; port 0 lets the kernel choose
	Admin  netip.AddrPort // Envoy's admin interface; port 0 likewise
	TLS    *TLS           // the outer mTLS; nil is plain TCP, for local trials only
	// Resolvers are the DNS servers to ask; none means those of the system.
	Resolvers []netip.AddrPort
	// AllowPrivateAddresses takes the address guard off.
	AllowPrivateAddresses bool
	// Network is how the gateway meets the network; nil is DefaultNetwork.
	Network      *Network
	UpstreamPort uint16 // dialled in place of the rule's port; 0 keeps the rule's
	AccessLog    string // path; empty is standard output
	// MaxClientHelloBytes is the policy's; 0 is the language's default.
	MaxClientHelloBytes int
	MaxConnections      uint32 // limit of downstream connections; 0 is DefaultMaxConnections
	// RequirePolicyAtStart has the gateway refuse to start without a good policy,
	// instead of denying everything until there is one.
	RequirePolicyAtStart bool
	// RequireEndMark has the gateway refuse every policy that does not end with
	// the line "...".
	RequireEndMark bool
	// DecisionCache is how many decisions each of the gateway's workers keeps, so
	// that a name that was allowed costs less the next time; nil: the module's own.
	DecisionCache *uint32

	// ListenersChange says that Envoy is sent listeners while it runs, by istiod: the
	// metrics by rule go on where a newer one replaces one.
	ListenersChange bool

	behindZtunnel bool // see AmbientGateway
}

// The parts of a bootstrap that differ from one kind to the next.
type parts struct {
	name      string // of the node
	listeners []*listenerv3.Listener
	clusters  []*clusterv3.Cluster
}

func (c Config) bootstrap(p parts) *bootstrapv3.Bootstrap {
	return &bootstrapv3.Bootstrap{
		Node: &corev3.Node{Id: p.name, Cluster: "wildcard-egress"},
		Admin: &bootstrapv3.Admin{
			Address: socketAddress(c.Admin),
			// Whoever looks into a full gateway must get in.
			IgnoreGlobalConnLimit: true,
		},
		StaticResources: &bootstrapv3.Bootstrap_StaticResources{
			Listeners: p.listeners,
			Clusters:  p.clusters,
		},
		OverloadManager: overloadManager(c.maxConnections()),
		StatsConfig:     statsConfig(),
		LayeredRuntime:  runtime(),
	}
}

func (c Config) listener(name string) *listenerv3.Listener {
	return &listenerv3.Listener{
		Name:                          name,
		Address:                       socketAddress(c.Listen),
		PerConnectionBufferLimitBytes: wrapperspb.UInt32(c.bufferBytes()),
		TcpKeepalive:                  c.network().keepalive(),
	}
}

// inboundListener is one that a drain closes: package drain leaves the others,
// where health and metrics are.
func (c Config) inboundListener(name string) *listenerv3.Listener {
	l := c.listener(name)
	l.TrafficDirection = corev3.TrafficDirection_INBOUND
	return l
}

func socketAddress(a netip.AddrPort) *corev3.Address {
	return hostAddress(a.Addr().String(), a.Port())
}

func hostAddress(host string, port uint16) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address:       host,
		PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(port)},
	}}}
}

// pack wraps m. Marshalling fails only for text that is not UTF-8, which the
// command line refuses, so an error here is a bug of this program.
func pack(m proto.Message) *anypb.Any {
	a, err := anypb.New(m)
	if err != nil {
		panic(err)
	}
	return a
}

func networkFilter(name string, config proto.Message) *listenerv3.Filter {
	return &listenerv3.Filter{
		Name:       name,
		ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: pack(config)},
	}
}
