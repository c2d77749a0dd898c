package bootstrap

import (
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	dfpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/common/dynamic_forward_proxy/v3"
	caresv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/network/dns_resolver/cares/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// DNSCacheName is the name of the DNS cache, as in the statistics
// dns_cache.<name>.
const DNSCacheName = "wildcard_egress"

// Limits of the DNS cache. With the cache full, each new name fails for
// everybody until an old one leaves: so maxHosts is four times what one caller may
// have. To add or remove a name costs Envoy's main thread time in proportion to
// those that are there, and all that came together leave together: with 4,000 it
// stands still for 0.6 s at most, with 8,000 for 3.4 s.
//
// A name leaves at the end of its TTL, if it was not used for hostTTL then. One
// without an address is asked for every emptyRefresh, so it leaves within
// hostTTL + emptyRefresh, after some four questions of each family.
const (
	maxHosts     = 4096
	hostTTL      = 30 * time.Second
	emptyRefresh = 8 * time.Second
)

// How c-ares asks (docs/network.md has the trials). It takes a server for dead
// after 250 ms when it has seen quick answers, and doubles that with each try:
// a recursor that has to ask far away needs many. A socket takes few questions,
// so that one whose port goes dead (conntrack, a DNS pod that is replaced) is
// left soon; Envoy 1.40 would use it for ever. And Envoy would never read
// /etc/resolv.conf again, unless its channel has a longest duration.
const (
	queryTries    = 6
	queryTimeout  = 2 // seconds, before the first answer of a server
	queriesSocket = 5
	channelTime   = time.Second     // what is asked at its end goes on
	lookupTimeout = 8 * time.Second // in all: both families, every try
)

// RuntimeValues are Envoy's feature flags that the gateway needs. Envoy counts
// "no such name" as a success with no address, and would believe it for the
// next minute: with the first one, the next connection asks anew.
var RuntimeValues = map[string]bool{"envoy.reloadable_features.reresolve_null_addresses": true}

// runtime has RuntimeValues, and the layer that Envoy has without any.
func runtime() *bootstrapv3.LayeredRuntime {
	values := &structpb.Struct{Fields: map[string]*structpb.Value{}}
	for key, value := range RuntimeValues {
		values.Fields[key] = structpb.NewBoolValue(value)
	}
	return &bootstrapv3.LayeredRuntime{Layers: []*bootstrapv3.RuntimeLayer{
		{Name: "wildcard_egress", LayerSpecifier: &bootstrapv3.RuntimeLayer_StaticLayer{StaticLayer: values}},
		{Name: "admin", LayerSpecifier: &bootstrapv3.RuntimeLayer_AdminLayer_{AdminLayer: &bootstrapv3.RuntimeLayer_AdminLayer{}}},
	}}
}

// DNSCache returns the cache that the SNI filter and the forward proxy cluster
// share. Envoy refuses two configurations of one name that differ, so give
// both this very value.
func (c Config) DNSCache() *dfpv3.DnsCacheConfig {
	network := c.network()
	cache := &dfpv3.DnsCacheConfig{
		Name:            DNSCacheName,
		DnsLookupFamily: lookupFamilies[network.DNSFamily],
		DnsRefreshRate:  durationpb.New(emptyRefresh), // with an address, its TTL counts
		HostTtl:         durationpb.New(hostTTL),
		MaxHosts:        wrapperspb.UInt32(c.network().DNSNames),
		DnsCacheCircuitBreaker: &dfpv3.DnsCacheCircuitBreakers{
			MaxPendingRequests: wrapperspb.UInt32(c.maxConnections()),
		},
		DnsFailureRefreshRate: &clusterv3.Cluster_RefreshRate{
			BaseInterval: durationpb.New(5 * time.Second), // Envoy's least
			MaxInterval:  durationpb.New(emptyRefresh),
		},
		DnsQueryTimeout:        durationpb.New(lookupTimeout),
		TypedDnsResolverConfig: c.resolver(),
	}
	if !c.AllowPrivateAddresses {
		cache.ResolvedAddressFilter = network.Guard.matcher()
	}
	return cache
}

// resolver asks for names as they are. With the search domains of a Kubernetes
// pod, en.wikipedia.org would first be tried as
// en.wikipedia.org.<namespace>.svc.cluster.local.
func (c Config) resolver() *corev3.TypedExtensionConfig {
	cares := &caresv3.CaresDnsResolverConfig{
		DnsResolverOptions:    &corev3.DnsResolverOptions{NoDefaultSearchDomain: true},
		QueryTimeoutSeconds:   wrapperspb.UInt64(queryTimeout),
		QueryTries:            wrapperspb.UInt32(queryTries),
		UdpMaxQueries:         wrapperspb.UInt32(queriesSocket),
		MaxUdpChannelDuration: durationpb.New(channelTime),
	}
	for _, r := range c.Resolvers {
		cares.Resolvers = append(cares.Resolvers, socketAddress(r))
	}
	return &corev3.TypedExtensionConfig{
		Name:        "envoy.network.dns_resolver.cares",
		TypedConfig: pack(cares),
	}
}
