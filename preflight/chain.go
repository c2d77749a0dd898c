package preflight

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"wildcard-egress/bootstrap"
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
	if len(rest) == 3 && g.isOurs(rest[1]) {
		rest = []dumpedFilter{rest[0], rest[2]}
	}
	if len(rest) != 2 || !rest[0].TypedConfig.is("envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig") ||
		!rest[1].TypedConfig.is("envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy") {
		return fmt.Errorf("want sni_dynamic_forward_proxy and tcp_proxy behind %s, and nothing else: %s",
			bootstrap.ModuleName, strings.Join(filterNames(filters), ", "))
	}
	return nil
}

// isOurs looks through ECDS.
func (g *Gateway) isOurs(f dumpedFilter) bool {
	config := f.TypedConfig
	if len(f.ConfigDiscovery) > 0 {
		config = g.extensions[f.Name]
	}
	var module struct {
		Config struct {
			Name string `json:"name"`
		} `json:"dynamic_module_config"`
	}
	return config.is("envoy.extensions.filters.network.dynamic_modules.v3.DynamicModuleNetworkFilter") &&
		json.Unmarshal(config.raw, &module) == nil && module.Config.Name == bootstrap.ModuleName
}

func filterNames(filters []dumpedFilter) []string {
	var names []string
	for _, f := range filters {
		names = append(names, f.Name)
	}
	return names
}
