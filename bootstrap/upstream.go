package bootstrap

import (
	"net/netip"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	dfpclusterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/dynamic_forward_proxy/v3"
	dfpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/common/dynamic_forward_proxy/v3"
	snidfpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3"
	tcpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// ForwardProxyName is the cluster that connects to whatever host a connection
// asks for.
const ForwardProxyName = "dynamic_forward_proxy"

// sniFilter returns the filter that looks the host up before tcp_proxy asks
// for it: tcp_proxy alone would fail the first connection to each new name.
// port is dialled where no filter before it set one; 0 means 443.
func sniFilter(cache *dfpv3.DnsCacheConfig, port uint16) *listenerv3.Filter {
	if port == 0 {
		port = 443
	}
	return networkFilter("envoy.filters.network.sni_dynamic_forward_proxy", &snidfpv3.FilterConfig{
		DnsCacheConfig:      cache,
		SaveUpstreamAddress: true, // for outcomeFilter
		PortSpecifier:       &snidfpv3.FilterConfig_PortValue{PortValue: uint32(port)},
	})
}

// TCPProxy returns the filter that relays to cluster. In each attempt to connect
// Envoy tries all the addresses of the name.
func (c Config) TCPProxy(cluster string, logs ...*accesslogv3.AccessLog) *listenerv3.Filter {
	proxy := c.tcpProxy(cluster)
	proxy.AccessLog = logs
	return networkFilter("envoy.filters.network.tcp_proxy", proxy)
}

// readAheadTCPProxy is TCPProxy behind a filter that has read the client's first
// bytes. With them it may have read the end of the client's stream, which Envoy
// says once: a tcp_proxy that is not told to take data before its upstream is
// connected misses it, and the bytes with it. To take more than a hello saves
// four system calls for each connection: reading need not stop and begin again.
func (c Config) readAheadTCPProxy(cluster string) *listenerv3.Filter {
	proxy := c.tcpProxy(cluster)
	n := c.network()
	proxy.MaxEarlyDataBytes = wrapperspb.UInt32(min(n.EarlyDataBytes, c.bufferBytes()))
	if _, proxy.AccessLog = c.gatewayLogs(); proxy.AccessLog != nil {
		proxy.AccessLogOptions = &tcpproxyv3.TcpProxy_TcpAccessLogOptions{FlushAccessLogOnConnected: n.LogOpen || n.RuleMetrics}
		if n.LogInterval > 0 {
			proxy.AccessLogOptions.AccessLogFlushInterval = durationpb.New(n.LogInterval)
		}
	}
	return networkFilter("envoy.filters.network.tcp_proxy", proxy)
}

func (c Config) tcpProxy(cluster string) *tcpproxyv3.TcpProxy {
	n := c.network()
	proxy := &tcpproxyv3.TcpProxy{
		StatPrefix:         cluster,
		ClusterSpecifier:   &tcpproxyv3.TcpProxy_Cluster{Cluster: cluster},
		IdleTimeout:        durationpb.New(n.IdleTimeout), // 0 is none for Envoy too
		MaxConnectAttempts: wrapperspb.UInt32(n.ConnectAttempts),
	}
	if n.MaxDuration > 0 {
		proxy.MaxDownstreamConnectionDuration = durationpb.New(n.MaxDuration)
	}
	return proxy
}

// forwardProxyCluster returns the cluster ForwardProxyName.
func (c Config) forwardProxyCluster(cache *dfpv3.DnsCacheConfig) *clusterv3.Cluster {
	cluster := c.cluster(ForwardProxyName)
	cluster.UpstreamConnectionOptions = c.network().connectionOptions()
	cluster.LbPolicy = clusterv3.Cluster_CLUSTER_PROVIDED
	cluster.ClusterDiscoveryType = &clusterv3.Cluster_ClusterType{ClusterType: &clusterv3.Cluster_CustomClusterType{
		Name: "envoy.clusters.dynamic_forward_proxy",
		TypedConfig: pack(&dfpclusterv3.ClusterConfig{
			ClusterImplementationSpecifier: &dfpclusterv3.ClusterConfig_DnsCacheConfig{DnsCacheConfig: cache},
		}),
	}}
	return cluster
}

// addressCluster returns a cluster of one endpoint, a host name or an IP
// address.
func (c Config) addressCluster(name, host string, port uint16) *clusterv3.Cluster {
	cluster := c.endpointCluster(name, hostAddress(host, port))
	if _, err := netip.ParseAddr(host); err != nil {
		cluster.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STRICT_DNS}
		cluster.DnsLookupFamily = clusterv3.Cluster_V4_PREFERRED
		cluster.TypedDnsResolverConfig = c.resolver()
	}
	return cluster
}

func (c Config) endpointCluster(name string, address *corev3.Address) *clusterv3.Cluster {
	cluster := c.cluster(name)
	cluster.LoadAssignment = &endpointv3.ClusterLoadAssignment{
		ClusterName: name,
		Endpoints: []*endpointv3.LocalityLbEndpoints{{LbEndpoints: []*endpointv3.LbEndpoint{{
			HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: address}},
		}}}},
	}
	return cluster
}

func (c Config) cluster(name string) *clusterv3.Cluster {
	return &clusterv3.Cluster{
		Name:                          name,
		ConnectTimeout:                durationpb.New(c.network().ConnectTimeout),
		PerConnectionBufferLimitBytes: wrapperspb.UInt32(min(upstreamBuffer, c.bufferBytes())),
		CircuitBreakers:               circuitBreakers(c.maxConnections()),
	}
}
