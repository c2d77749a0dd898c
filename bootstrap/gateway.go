package bootstrap

import (
	"slices"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	dfpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/common/dynamic_forward_proxy/v3"
	"google.golang.org/protobuf/types/known/durationpb"

	"wildcard-egress/filter"
)

// ModuleName is the module's name in Envoy, which loads lib<name>.so from
// ENVOY_DYNAMIC_MODULES_SEARCH_PATH. The filter, its filter states and its
// metrics have the same name.
const ModuleName = "wildcard_egress"

// Gateway returns the bootstrap of the egress gateway: one listener with the
// chain wildcard_egress, sni_dynamic_forward_proxy, tcp_proxy, and in front of it
// expiryFilter where there are certificates. policyFile is
// the path where the module reads the policy and watches it; it is named, not
// read, so that a change of the policy is no change of the listener.
func Gateway(c Config, policyFile string) *bootstrapv3.Bootstrap {
	cache := c.DNSCache()
	listener := c.inboundListener("egress")
	listener.AccessLog, _ = c.gatewayLogs()
	if c.TLS != nil {
		// The only one to tell the filter the outer server name, and with it the
		// port asked for. In plain TCP it would take the inner one for the outer.
		inspectTLS(listener)
		// There a connection may wait before any network filter is made.
		listener.ListenerFilters = slices.Insert(listener.ListenerFilters, 0, arrivalsFilter(c.maxWaiting()))
	}
	filters := c.gatewayFilters(policyFile, cache)
	if c.TLS != nil {
		filters = slices.Insert(filters, 0, expiryFilter())
	}
	listener.FilterChains = c.outerChain(filters...)
	return c.bootstrap(parts{
		name:      "egress-gateway",
		listeners: []*listenerv3.Listener{listener},
		clusters:  c.gatewayClusters(c.forwardProxyCluster(cache)),
	})
}

// outerChain is the one that ends the outer mTLS.
func (c Config) outerChain(filters ...*listenerv3.Filter) []*listenerv3.FilterChain {
	chain := &listenerv3.FilterChain{
		Name:            "egress",
		TransportSocket: c.TLS.downstream(),
		Filters:         filters,
	}
	if c.TLS != nil {
		chain.TransportSocketConnectTimeout = durationpb.New(handshakeTimeout)
	}
	return []*listenerv3.FilterChain{chain}
}

// gatewayFilters decide, resolve and relay, wherever callers come from.
func (c Config) gatewayFilters(policyFile string, cache *dfpv3.DnsCacheConfig) []*listenerv3.Filter {
	settings := moduleSettings{UpstreamPort: c.UpstreamPort, RequirePolicyAtStart: c.RequirePolicyAtStart,
		RequireEndMark: c.RequireEndMark, DecisionCache: c.DecisionCache, MaxConnections: c.maxConnections(),
		MaxWaiting: c.maxWaiting()}
	if c.behindZtunnel {
		settings.Caller = filter.CallerProxyProtocol
	}
	return []*listenerv3.Filter{
		policyFilter(policyFile, settings),
		sniFilter(cache, c.UpstreamPort),
		c.outcomeFilter(),
		c.readAheadTCPProxy(ForwardProxyName),
	}
}
