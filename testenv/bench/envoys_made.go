package main

import (
	"net/netip"
	"strconv"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	dfpclusterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/dynamic_forward_proxy/v3"
	setstatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/common/set_filter_state/v3"
	setfilterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/set_filter_state/v3"
	snidfpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3"
	tcpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"wildcard-egress/bootstrap"
)

// floorBootstrap is the gateway without any choice: the same listener, limits,
// mTLS and access log, and one tcp_proxy to one fixed address. Whatever
// decides by name costs more than this.
func floorBootstrap(c bootstrap.Config, upstream netip.AddrPort) *bootstrapv3.Bootstrap {
	b := bootstrap.Gateway(c, "/none")
	cluster := b.StaticResources.Clusters[0]
	cluster.Name = "fixed"
	cluster.LbPolicy = clusterv3.Cluster_ROUND_ROBIN
	cluster.ClusterDiscoveryType = nil
	cluster.LoadAssignment = &endpointv3.ClusterLoadAssignment{
		ClusterName: cluster.Name,
		Endpoints: []*endpointv3.LocalityLbEndpoints{{LbEndpoints: []*endpointv3.LbEndpoint{{
			HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{
				Address: &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
					Address:       upstream.Addr().String(),
					PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(upstream.Port())},
				}}},
			}},
		}}}},
	}
	b.StaticResources.Listeners[0].FilterChains[0].Filters = []*listenerv3.Filter{bootstrap.Config{}.TCPProxy(cluster.Name)}
	return b
}

// limitBootstrap is the gateway with constants in place of the decision: what
// the rest of the chain costs, which no filter of ours can go below. It dials
// when the first bytes have come, as whatever reads a name from them must:
// tcp_proxy alone, and so floor, dials while the outer handshake goes on.
func limitBootstrap(c bootstrap.Config) *bootstrapv3.Bootstrap {
	b := bootstrap.Gateway(c, "/none")
	chain := b.StaticResources.Listeners[0].FilterChains[0]
	if chain.Filters[0].Name == bootstrap.ExpiryFilterName {
		chain.Filters = chain.Filters[1:]
	}
	chain.Filters[0] = &listenerv3.Filter{
		Name: "envoy.filters.network.set_filter_state",
		ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: pack(&setfilterv3.Config{
			OnNewConnection: []*setstatev3.FilterStateValue{
				constant("envoy.upstream.dynamic_host", "host-0.wikipedia.org"),
				constant("envoy.upstream.dynamic_port", strconv.Itoa(int(c.UpstreamPort))),
			},
		})},
	}
	filters := b.StaticResources.Listeners[0].FilterChains[0].Filters
	edit(filters[len(filters)-1], &tcpproxyv3.TcpProxy{}, func(proxy *tcpproxyv3.TcpProxy) {
		proxy.UpstreamConnectMode = tcpproxyv3.UpstreamConnectMode_ON_DOWNSTREAM_DATA
	})
	return b
}

func constant(key, value string) *setstatev3.FilterStateValue {
	return &setstatev3.FilterStateValue{
		Key: &setstatev3.FilterStateValue_ObjectKey{ObjectKey: key},
		Value: &setstatev3.FilterStateValue_FormatString{FormatString: &corev3.SubstitutionFormatString{
			Format: &corev3.SubstitutionFormatString_TextFormatSource{TextFormatSource: &corev3.DataSource{
				Specifier: &corev3.DataSource_InlineString{InlineString: value},
			}},
		}},
	}
}

// withDefaultCache gives the old chain the DNS cache that the article leaves
// at Envoy's defaults. bootstrap.Legacy has our limits, to be comparable.
func withDefaultCache(b *bootstrapv3.Bootstrap) {
	sni := &snidfpv3.FilterConfig{}
	edit(b.StaticResources.Listeners[1].FilterChains[0].Filters[0], sni, func(*snidfpv3.FilterConfig) {
		sni.DnsCacheConfig.MaxHosts, sni.DnsCacheConfig.DnsCacheCircuitBreaker = nil, nil
	})

	cluster := b.StaticResources.Clusters[1].GetClusterType()
	config := &dfpclusterv3.ClusterConfig{}
	unpack(cluster.TypedConfig, config)
	config.ClusterImplementationSpecifier = &dfpclusterv3.ClusterConfig_DnsCacheConfig{DnsCacheConfig: sni.DnsCacheConfig}
	cluster.TypedConfig = pack(config)
}

// withoutOuterLog leaves the old chain the line that the article's EnvoyFilter
// asks for, without the one that its Telemetry does.
func withoutOuterLog(b *bootstrapv3.Bootstrap) {
	edit(b.StaticResources.Listeners[0].FilterChains[0].Filters[0], &tcpproxyv3.TcpProxy{},
		func(outer *tcpproxyv3.TcpProxy) { outer.AccessLog = nil })
}

// edit unpacks the configuration of a filter into an empty message of its type,
// and packs it again changed.
func edit[T proto.Message](filter *listenerv3.Filter, config T, change func(T)) {
	unpack(filter.GetTypedConfig(), config)
	change(config)
	filter.ConfigType = &listenerv3.Filter_TypedConfig{TypedConfig: pack(config)}
}

// pack and unpack panic: the messages are made here or by package bootstrap.
func pack(m proto.Message) *anypb.Any {
	a, err := anypb.New(m)
	if err != nil {
		panic(err)
	}
	return a
}

func unpack(a *anypb.Any, m proto.Message) {
	if err := a.UnmarshalTo(m); err != nil {
		panic(err)
	}
}
