package bootstrap

import (
	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	directv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/direct_response/v3"
)

// SidecarConfig is what an application's sidecar needs besides Config.
type SidecarConfig struct {
	Hosts            Hosts  // the server names that go to the gateway
	GatewayHost      string // host name or IP address
	GatewayPort      uint16
	GatewayPrincipal string // the SPIFFE ID that the gateway must have; empty: any of the CA
	// Passthrough sends TLS for other names straight to where they resolve.
	// Without it they are refused.
	Passthrough bool
}

const gatewayCluster = "egress_gateway"

// Sidecar returns the bootstrap of an application's sidecar: it sends TLS for
// the policy's hosts to the gateway, in mTLS of its own, and passes or refuses
// other TLS. What is not TLS is always closed, since no chain matches it.
func Sidecar(c Config, s SidecarConfig) *bootstrapv3.Bootstrap {
	gateway := c.addressCluster(gatewayCluster, s.GatewayHost, s.GatewayPort)
	gateway.TransportSocket = c.TLS.upstream(s.GatewayPrincipal)
	p := parts{name: "sidecar", clusters: []*clusterv3.Cluster{gateway}}

	unlisted := Hosts{Any: true}.chain("blocked", refusal())
	if s.Passthrough {
		cache := c.DNSCache()
		unlisted = Hosts{Any: true}.chain("passthrough", sniFilter(cache, c.UpstreamPort), c.TCPProxy(ForwardProxyName))
		p.clusters = append(p.clusters, c.forwardProxyCluster(cache))
	}
	if s.Hosts.Any {
		unlisted = nil
	}

	listener := c.listener("outbound")
	listener.AccessLog = []*accesslogv3.AccessLog{jsonLog(c.AccessLog, sidecarFields)}
	inspectTLS(listener)
	listener.FilterChains = append(s.Hosts.chain("to_gateway", c.TCPProxy(gatewayCluster)), unlisted...)
	p.listeners = []*listenerv3.Listener{listener}
	return c.bootstrap(p)
}

// refusal answers a ClientHello with the fatal TLS alert unrecognized_name
// (RFC 6066, section 3), so that the application sees more than a reset.
func refusal() *listenerv3.Filter {
	alert := []byte{0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x70}
	return networkFilter("envoy.filters.network.direct_response", &directv3.Config{
		Response: &corev3.DataSource{Specifier: &corev3.DataSource_InlineBytes{InlineBytes: alert}},
	})
}
