package bootstrap

import (
	"fmt"
	"net/netip"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	proxyprotocolv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/proxy_protocol/v3"

	"wildcard-egress/filter"
)

// AmbientListen is where ztunnel hands connections over to a gateway in its pod
// (Istio, a waypoint's inbound binding PROXY/15088).
var AmbientListen = netip.MustParseAddrPort("127.0.0.1:15088")

// IstioPool is where istiod takes the addresses of names from that have none.
var IstioPool = netip.MustParsePrefix("240.240.0.0/16")

// loopbackPorts are how many connections one address of loopback can have to one
// port of another (Linux, net.ipv4.ip_local_port_range), and so ztunnel to a gateway.
const loopbackPorts = 60999 - 32768 + 1

// AmbientConfig is what a gateway behind ztunnel has beside its Config.
type AmbientConfig struct {
	IPv6   bool           // accept on ::1 too
	Health netip.AddrPort // of the health listener; the zero value: there is none
}

// AmbientGateway returns the bootstrap of the egress gateway in ambient mode: ztunnel,
// in the same pod, ends the mTLS and hands each connection over by TCP on
// loopback, with a header of the PROXY protocol that names the caller and where
// the application wanted to go. c.Listen must be a loopback address, and c.TLS nil.
func AmbientGateway(c Config, policyFile string, a AmbientConfig) (*bootstrapv3.Bootstrap, error) {
	if err := CheckLoopback(c.Listen.Addr()); err != nil {
		return nil, err
	}
	if c.MaxConnections > loopbackPorts {
		return nil, fmt.Errorf("--max-connections %d: loopback has %d ports between ztunnel and a gateway: no more can come; run more pods", c.MaxConnections, loopbackPorts)
	}
	if c.TLS != nil {
		return nil, fmt.Errorf("a gateway behind ztunnel has no certificates: ztunnel ends the mTLS")
	}
	c.behindZtunnel = true
	cache := c.DNSCache()
	listener := c.inboundListener("egress")
	if a.IPv6 {
		listener.AdditionalAddresses = []*listenerv3.AdditionalAddress{{
			Address: socketAddress(netip.AddrPortFrom(netip.IPv6Loopback(), c.Listen.Port())),
		}}
	}
	listener.AccessLog, _ = c.gatewayLogs()
	listener.ListenerFilters = []*listenerv3.ListenerFilter{proxyProtocol()}
	listener.FilterChains = c.outerChain(c.gatewayFilters(policyFile, cache)...)
	p := parts{
		name:      "egress-gateway",
		listeners: []*listenerv3.Listener{listener},
		clusters:  c.gatewayClusters(c.forwardProxyCluster(cache)),
	}
	if !a.Health.IsValid() {
		return c.bootstrap(p), nil
	}
	return c.withHealth(p, a.Health, policyFile)
}

// CheckLoopback returns nil for an address that only those in the same pod, or on
// the same machine, can reach, and otherwise why it must be one.
func CheckLoopback(a netip.Addr) error {
	if a.IsLoopback() && !a.Is4In6() {
		return nil
	}
	return fmt.Errorf("%s: whoever reaches this listener says in a PROXY header who they are, and is believed; "+
		"ztunnel is in the same pod: listen on 127.0.0.1 or ::1 only", a)
}

// proxyProtocol reads the header, which it insists on. Version 1 can name no caller.
func proxyProtocol() *listenerv3.ListenerFilter {
	return &listenerv3.ListenerFilter{
		Name: "envoy.filters.listener.proxy_protocol",
		ConfigType: &listenerv3.ListenerFilter_TypedConfig{TypedConfig: pack(&proxyprotocolv3.ProxyProtocol{
			DisallowedVersions: []corev3.ProxyProtocolConfig_Version{corev3.ProxyProtocolConfig_V1},
			Rules: []*proxyprotocolv3.ProxyProtocol_Rule{{
				TlvType:      filter.ProxyIdentityTLV,
				OnTlvPresent: &proxyprotocolv3.ProxyProtocol_KeyValuePair{Key: filter.ProxyIdentityKey},
			}},
		})},
	}
}
