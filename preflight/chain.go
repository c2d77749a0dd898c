package preflight

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	setstatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/common/set_filter_state/v3"
	modulefilterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/dynamic_modules/v3"
	setfilterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/set_filter_state/v3"

	"wildcard-egress/bootstrap"
	"wildcard-egress/filter"
	"wildcard-egress/outcome"
)

func checkMutualTLS(g *Gateway) (string, error) {
	for _, c := range g.listener.chains() {
		if !c.TransportSocket.TypedConfig.RequireClientCertificate {
			return "", errors.New("the listener takes connections without a client certificate")
		}
	}
	return "client certificates are required", nil
}

func checkInspector(g *Gateway) (string, error) {
	if !slices.ContainsFunc(g.listener.ListenerFilters, func(f dumpedFilter) bool {
		return f.TypedConfig.is("envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector")
	}) {
		return "", errors.New("the listener has no tls_inspector")
	}
	return "read by tls_inspector", nil
}

// mayComeFirst are the filters that istiod puts before ours: they neither dial
// nor keep a byte from us.
var mayComeFirst = []string{"istio.metadata_exchange", "istio.stats", "envoy.filters.network.rbac", "envoy.filters.network.ext_authz",
	bootstrap.ExpiryFilterName}

func checkChain(g *Gateway) (string, error) {
	if len(g.listener.chains()) == 0 {
		return "", errors.New("the listener has no filter chain")
	}
	for _, c := range g.listener.chains() {
		if err := g.checkFilters(c.Filters); err != nil {
			return "", err
		}
	}
	return "wildcard_egress, sni_dynamic_forward_proxy, tcp_proxy", nil
}

func (g *Gateway) checkFilters(filters []dumpedFilter) error {
	at := slices.IndexFunc(filters, g.isOurs)
	if at < 0 {
		return fmt.Errorf("%s is not in it: %s", bootstrap.ModuleName, strings.Join(filterNames(filters), ", "))
	}
	for _, f := range filters[:at] {
		if !slices.Contains(mayComeFirst, f.Name) {
			return fmt.Errorf("%s runs before %s", f.Name, bootstrap.ModuleName)
		}
	}
	rest := filters[at+1:]
	// The outcome filter lets through what has an address, and dials nothing. A
	// gateway that was rendered before there was one does without.
	if len(rest) == 3 && g.isOutcome(rest[1]) {
		rest = []dumpedFilter{rest[0], rest[2]}
	}
	if len(rest) != 2 || !rest[0].TypedConfig.is("envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig") ||
		!rest[1].TypedConfig.is("envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy") {
		return fmt.Errorf("want sni_dynamic_forward_proxy and tcp_proxy behind %s, and nothing else: %s",
			bootstrap.ModuleName, strings.Join(filterNames(filters), ", "))
	}
	return nil
}

// checkExpiry looks for the filter that tells ours until when a certificate is
// valid: that of bootstrap.ExpiryFilterName.
func checkExpiry(g *Gateway) (string, error) {
	for _, c := range g.listener.chains() {
		before := c.Filters[:max(slices.IndexFunc(c.Filters, g.isOurs), 0)]
		if !slices.ContainsFunc(before, tellsExpiry) {
			return "", fmt.Errorf("no %s in front of %s says until when the client's certificate is valid",
				bootstrap.ExpiryFilterName, bootstrap.ModuleName)
		}
	}
	return "end with the client's certificate", nil
}

func tellsExpiry(f dumpedFilter) bool {
	var config setfilterv3.Config
	return f.TypedConfig.is("envoy.extensions.filters.network.set_filter_state.v3.Config") && f.TypedConfig.into(&config) == nil &&
		slices.ContainsFunc(config.OnDownstreamTlsHandshake, func(v *setstatev3.FilterStateValue) bool {
			return v.GetObjectKey() == filter.CertificateExpiresKey
		})
}

// isOurs says whether f decides.
func (g *Gateway) isOurs(f dumpedFilter) bool {
	name, ok := g.filterNameOf(f)
	return ok && name != outcome.FilterName
}

// isOutcome says whether f tells what became of a connection.
func (g *Gateway) isOutcome(f dumpedFilter) bool {
	name, _ := g.filterNameOf(f)
	return name == outcome.FilterName
}

// filterNameOf is the filter_name of a filter of our module, also by ECDS.
func (g *Gateway) filterNameOf(f dumpedFilter) (name string, ok bool) {
	config := f.TypedConfig
	if len(f.ConfigDiscovery) > 0 {
		config = g.extensions[f.Name]
	}
	var module modulefilterv3.DynamicModuleNetworkFilter
	if !config.is("envoy.extensions.filters.network.dynamic_modules.v3.DynamicModuleNetworkFilter") ||
		config.into(&module) != nil || module.GetDynamicModuleConfig().GetName() != bootstrap.ModuleName {
		return "", false
	}
	return module.FilterName, true
}

func filterNames(filters []dumpedFilter) []string {
	var names []string
	for _, f := range filters {
		names = append(names, f.Name)
	}
	return names
}
