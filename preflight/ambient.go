package preflight

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	proxyprotocolv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/proxy_protocol/v3"
	modulefilterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/dynamic_modules/v3"
	"google.golang.org/protobuf/types/known/structpb"

	"wildcard-egress/bootstrap"
	"wildcard-egress/filter"
)

// InspectAmbient is Inspect for a gateway behind ztunnel, which has no certificates
// and believes what comes over loopback.
func InspectAmbient(g *Gateway, version uint64) []Finding {
	checks := slices.DeleteFunc(slices.Clone(chainChecks), func(c check) bool {
		return slices.Contains([]string{"outer mTLS", "resumed sessions", "outer server name", "certificates"}, c.name)
	})
	return g.run(slices.Concat(checks, ambientChecks, policyChecks(version)))
}

const asRendered = "render the bootstrap again (bootstrap gateway --ambient, istio --data-plane ambient) and restart the pods"

var ambientChecks = []check{
	{name: "loopback only", needs: portOpen, fix: "whoever reaches the listener says who they are; " + asRendered, run: checkLoopback},
	{name: "proxy protocol", needs: portOpen, fix: asRendered, run: checkProxyProtocol},
	{name: "callers by header", needs: filterChain, fix: asRendered, run: checkCallers},
	{name: "no certificates", needs: portOpen, fix: "ztunnel ends the mTLS: this is a gateway for sidecars; leave --data-plane out", run: checkNoMutualTLS},
}

func checkLoopback(g *Gateway) (string, error) {
	l := g.listener
	addresses := []dumpedAddress{l.Address}
	for _, a := range l.AdditionalAddresses {
		addresses = append(addresses, a.Address)
	}
	var on []netip.Addr
	for _, a := range addresses {
		ip, err := netip.ParseAddr(a.Socket.Address)
		if err == nil {
			err = bootstrap.CheckLoopback(ip)
		}
		if err != nil {
			return "", fmt.Errorf("the listener is on %q: %w", a.Socket.Address, err)
		}
		on = append(on, ip)
	}
	return fmt.Sprintf("on %v", on), nil
}

func checkProxyProtocol(g *Gateway) (string, error) {
	filters := g.listener.ListenerFilters
	if len(filters) != 1 {
		return "", fmt.Errorf("want the listener filter proxy_protocol alone: %v", filterNames(filters))
	}
	var config proxyprotocolv3.ProxyProtocol
	if !filters[0].TypedConfig.is("envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol") {
		return "", fmt.Errorf("want the listener filter proxy_protocol: %v", filterNames(filters))
	}
	if err := filters[0].TypedConfig.into(&config); err != nil {
		return "", err
	}
	if config.AllowRequestsWithoutProxyProtocol {
		return "", errors.New("connections without a header are let through")
	}
	if !slices.Contains(config.DisallowedVersions, corev3.ProxyProtocolConfig_V1) {
		return "", errors.New("version 1, which names no caller, is let through")
	}
	for _, rule := range config.Rules {
		if rule.TlvType == filter.ProxyIdentityTLV && rule.OnTlvPresent.GetKey() == filter.ProxyIdentityKey && rule.OnTlvPresent.GetMetadataNamespace() == "" {
			return "version 2, with the caller", nil
		}
	}
	return "", fmt.Errorf("no rule takes TLV %d to %s: every caller would be unknown", filter.ProxyIdentityTLV, filter.ProxyIdentityKey)
}

func checkCallers(g *Gateway) (string, error) {
	for _, c := range g.listener.chains() {
		ours := c.Filters[slices.IndexFunc(c.Filters, g.isOurs)] // filterChain has found it
		var module modulefilterv3.DynamicModuleNetworkFilter
		var config structpb.Struct
		if err := ours.TypedConfig.into(&module); err != nil {
			return "", err
		}
		if err := module.GetFilterConfig().UnmarshalTo(&config); err != nil {
			return "", err
		}
		if caller := config.Fields["caller"].GetStringValue(); caller != string(filter.CallerProxyProtocol) {
			return "", fmt.Errorf("caller is %q, want %s: every caller would be unknown", caller, filter.CallerProxyProtocol)
		}
	}
	return string(filter.CallerProxyProtocol), nil
}

func checkNoMutualTLS(g *Gateway) (string, error) {
	for _, c := range g.listener.chains() {
		if c.TransportSocket.TypedConfig.Type != "" {
			return "", errors.New("the listener ends TLS")
		}
	}
	return "ztunnel has them", nil
}
