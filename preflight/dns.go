package preflight

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	dfpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/common/dynamic_forward_proxy/v3"
	caresv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/network/dns_resolver/cares/v3"
	"google.golang.org/protobuf/proto"

	"go4.org/netipx"

	"wildcard-egress/bootstrap"
)

func (f dumpedFilter) isSNI() bool {
	return f.TypedConfig.is("envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig")
}

// cacheOf returns the DNS cache that both the chain's filter and its cluster
// have.
func (g *Gateway) cacheOf(filters []dumpedFilter) (*dfpv3.DnsCacheConfig, error) {
	last := len(filters) - 1
	var proxy struct {
		Cluster string `json:"cluster"`
	}
	if err := json.Unmarshal(filters[last].TypedConfig.raw, &proxy); err != nil {
		return nil, err
	}
	cluster, ok := g.clusters[proxy.Cluster]
	if !ok {
		return nil, fmt.Errorf("tcp_proxy goes to cluster %q, which is not there", proxy.Cluster)
	}
	if !cluster.ClusterType.TypedConfig.is("envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig") {
		return nil, fmt.Errorf("tcp_proxy goes to cluster %q, which is no dynamic forward proxy", proxy.Cluster)
	}
	ofFilter, err := filters[max(slices.IndexFunc(filters, dumpedFilter.isSNI), 0)].sniCache()
	if err != nil {
		return nil, err
	}
	ofCluster, err := cluster.cache()
	if err != nil {
		return nil, err
	}
	if ofFilter.GetName() != ofCluster.GetName() {
		return nil, fmt.Errorf("the filter's is %q, the cluster's %q", ofFilter.GetName(), ofCluster.GetName())
	}
	if !proto.Equal(ofFilter, ofCluster) {
		return nil, fmt.Errorf("the filter's and the cluster's %q differ", ofFilter.GetName())
	}
	return ofFilter, nil
}

// eachCache runs a check on the DNS cache of every chain.
func (g *Gateway) eachCache(run func(*dfpv3.DnsCacheConfig) (string, error)) (detail string, err error) {
	for _, c := range g.listener.chains() {
		cache, err := g.cacheOf(c.Filters)
		if err != nil {
			return "", err
		}
		if detail, err = run(cache); err != nil {
			return "", err
		}
	}
	return detail, nil
}

func checkCache(g *Gateway) (string, error) {
	return g.eachCache(func(c *dfpv3.DnsCacheConfig) (string, error) { return c.GetName(), nil })
}

func checkGuard(g *Gateway) (string, error) {
	return g.eachCache(func(c *dfpv3.DnsCacheConfig) (string, error) {
		guard := c.GetResolvedAddressFilter()
		if guard == nil || guard.GetInvertMatch() {
			return "", errors.New("off: no resolved_address_filter")
		}
		var open netipx.IPSetBuilder
		for _, p := range (bootstrap.Guard{Allow: g.GuardAllow}).Denied() {
			open.AddPrefix(p)
		}
		for _, r := range guard.GetRanges() {
			address, err := netip.ParseAddr(r.GetAddressPrefix())
			if err != nil {
				return "", err
			}
			open.RemovePrefix(netip.PrefixFrom(address, int(r.GetPrefixLen().GetValue())))
		}
		set, err := open.IPSet()
		if err != nil {
			return "", err
		}
		if left := set.Prefixes(); len(left) > 0 {
			return "", fmt.Errorf("lets %s through", left[0])
		}
		return count(len(guard.GetRanges()), "range"), nil
	})
}

func checkSearchDomains(g *Gateway) (string, error) {
	return g.eachCache(func(c *dfpv3.DnsCacheConfig) (string, error) {
		var cares caresv3.CaresDnsResolverConfig
		resolver := c.GetTypedDnsResolverConfig().GetTypedConfig()
		if resolver == nil || resolver.UnmarshalTo(&cares) != nil || !cares.GetDnsResolverOptions().GetNoDefaultSearchDomain() {
			return "", errors.New("the resolver is not c-ares with no_default_search_domain")
		}
		return "no_default_search_domain", nil
	})
}
