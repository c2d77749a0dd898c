package bootstrap

import (
	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	internalv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/bootstrap/internal_listener/v3"
	tlsinspectorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/tls_inspector/v3"
)

// The article's names.
const (
	sniListener = "sni_listener"
	sniCluster  = "sni_cluster"
)

// Legacy returns the bootstrap of the chain that the article "Routing egress
// traffic to wildcard destinations" (istio.io, 2023) makes of EnvoyFilters:
// one listener ends the mTLS and relays to an internal one, which chooses by
// server name and relays again. It is for comparison, so the limits and the
// DNS cache are the gateway's. IPv4 only and the access log are the article's:
// both tcp_proxies write Istio's line, since the outer one alone knows who
// calls and the inner one alone where to. A refused connection has the first.
func Legacy(c Config, hosts Hosts) *bootstrapv3.Bootstrap {
	cache := c.DNSCache()
	cache.DnsLookupFamily = clusterv3.Cluster_V4_ONLY

	log := meshAccessLog(c.AccessLog)

	outer := c.listener("egress")
	if c.TLS != nil {
		inspectTLS(outer) // istiod adds it, since the outer TLS has ALPN
	}
	outer.FilterChains = c.outerChain(c.TCPProxy(sniCluster, log))

	inner := c.listener(sniListener)
	inner.Address = nil
	inner.ListenerSpecifier = &listenerv3.Listener_InternalListener{
		InternalListener: &listenerv3.Listener_InternalListenerConfig{},
	}
	inspectTLSBy(inner, &tlsinspectorv3.TlsInspector{})
	inner.FilterChains = hosts.chain("egress",
		sniFilter(cache, c.UpstreamPort),
		c.TCPProxy(ForwardProxyName, log),
	)

	b := c.bootstrap(parts{
		name:      "legacy-egress-gateway",
		listeners: []*listenerv3.Listener{outer, inner},
		clusters: []*clusterv3.Cluster{
			c.endpointCluster(sniCluster, internalAddress(sniListener)),
			c.forwardProxyCluster(cache),
		},
	})
	b.BootstrapExtensions = []*corev3.TypedExtensionConfig{{
		Name:        "envoy.bootstrap.internal_listener",
		TypedConfig: pack(&internalv3.InternalListener{}),
	}}
	return b
}

func internalAddress(listener string) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_EnvoyInternalAddress{
		EnvoyInternalAddress: &corev3.EnvoyInternalAddress{
			AddressNameSpecifier: &corev3.EnvoyInternalAddress_ServerListenerName{ServerListenerName: listener},
		},
	}}
}
