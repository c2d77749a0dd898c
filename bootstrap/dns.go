package bootstrap

import (
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	dfpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/common/dynamic_forward_proxy/v3"
	caresv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/network/dns_resolver/cares/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// DNSCacheName is the name of the DNS cache, as in the statistics
// dns_cache.<name>.
const DNSCacheName = "wildcard_egress"

// Limits of the DNS cache. With the cache full, each new name fails for
// everybody until an old one leaves, and that is at the first end of its TTL
// after hostTTL without use. So maxHosts is far above Envoy's 1024. A name
// costs about 5 KB, and adding one to n others some 0.5 µs * n of the main
// thread (measured with Envoy 1.40): there is a price for going higher.
const (
	maxHosts = 32768
	hostTTL  = 5 * time.Minute
)

// DNSCache returns the cache that the SNI filter and the forward proxy cluster
// share. Envoy refuses two configurations of one name that differ, so give
// both this very value.
func (c Config) DNSCache() *dfpv3.DnsCacheConfig {
	cache := &dfpv3.DnsCacheConfig{
		Name: DNSCacheName,
		// One question where there is an A record, and names with nothing but
		// AAAA work too. To ask for both would double the questions.
		DnsLookupFamily: clusterv3.Cluster_V4_PREFERRED,
		HostTtl:         durationpb.New(hostTTL),
		MaxHosts:        wrapperspb.UInt32(maxHosts),
		DnsCacheCircuitBreaker: &dfpv3.DnsCacheCircuitBreakers{
			MaxPendingRequests: wrapperspb.UInt32(c.maxConnections()),
		},
		// A name whose lookup failed stays failed until its next refresh. The
		// first one comes as early as Envoy allows, the others ever later.
		DnsFailureRefreshRate: &clusterv3.Cluster_RefreshRate{
			BaseInterval: durationpb.New(5 * time.Second),
			MaxInterval:  durationpb.New(30 * time.Second),
		},
		DnsQueryTimeout:        durationpb.New(5 * time.Second), // in all: both families, every try
		TypedDnsResolverConfig: c.resolver(),
	}
	if !c.AllowPrivateAddresses {
		cache.ResolvedAddressFilter = addressGuard()
	}
	return cache
}

// resolver asks for names as they are. With the search domains of a Kubernetes
// pod, en.wikipedia.org would first be tried as
// en.wikipedia.org.<namespace>.svc.cluster.local.
func (c Config) resolver() *corev3.TypedExtensionConfig {
	cares := &caresv3.CaresDnsResolverConfig{
		DnsResolverOptions:  &corev3.DnsResolverOptions{NoDefaultSearchDomain: true},
		QueryTimeoutSeconds: wrapperspb.UInt64(2), // a second try fits into DnsQueryTimeout
		QueryTries:          wrapperspb.UInt32(2),
	}
	for _, r := range c.Resolvers {
		cares.Resolvers = append(cares.Resolvers, socketAddress(r))
	}
	return &corev3.TypedExtensionConfig{
		Name:        "envoy.network.dns_resolver.cares",
		TypedConfig: pack(cares),
	}
}
