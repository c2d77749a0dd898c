// Package istiod stands in for Istio's control plane: it makes of the rendered
// manifests what istiod 1.31 sends to a gateway's proxy, and applies
// EnvoyFilters as istiod does. Certificates come from files instead of SDS.
package istiod

import (
	"fmt"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	tlsinspectorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/tls_inspector/v3"
	rbacfilterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/rbac/v3"
	tcpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Resources are what a proxy gets of istiod.
type Resources struct {
	Listener   *listenerv3.Listener
	Clusters   []*clusterv3.Cluster
	Extensions []*corev3.TypedExtensionConfig
}

// Gateway returns what istiod makes of a Gateway of mode ISTIO_MUTUAL on port,
// with the VirtualService's route that leads nowhere, before any EnvoyFilter. tls is
// what SDS would bring in. denied is a principal that an AuthorizationPolicy
// keeps out.
//
// After istio/istio, pilot/pkg/networking/core: buildGatewayListener (the
// tls_inspector is there because the TLS context has ALPN) and
// buildCompleteNetworkFilters. Left out is istio.metadata_exchange, a filter of
// Istio's own build of Envoy.
func Gateway(port uint16, tls *corev3.TransportSocket, denied string) (Resources, error) {
	const cluster = "outbound|8443||nowhere.wildcard-egress.wildcard-egress.invalid"
	var failed error
	filter := func(name string, config proto.Message) *listenerv3.Filter {
		packed, err := anypb.New(config)
		if err != nil {
			failed = err
		}
		return &listenerv3.Filter{Name: name, ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: packed}}
	}
	inspector, err := anypb.New(&tlsinspectorv3.TlsInspector{InitialReadBufferSize: wrapperspb.UInt32(512)})
	if err != nil {
		return Resources{}, err
	}
	return Resources{Listener: &listenerv3.Listener{
		Name:             fmt.Sprintf("0.0.0.0_%d", port),
		Address:          socketAddress("0.0.0.0", port),
		TrafficDirection: corev3.TrafficDirection_OUTBOUND,
		ListenerFilters: []*listenerv3.ListenerFilter{{
			Name:       "envoy.filters.listener.tls_inspector",
			ConfigType: &listenerv3.ListenerFilter_TypedConfig{TypedConfig: inspector},
		}},
		FilterChains: []*listenerv3.FilterChain{{
			TransportSocket:               tls,
			TransportSocketConnectTimeout: durationpb.New(15 * time.Second),
			Filters: []*listenerv3.Filter{
				filter("envoy.filters.network.rbac", authorization(denied)),
				filter("envoy.filters.network.tcp_proxy", &tcpproxyv3.TcpProxy{
					StatPrefix:       cluster,
					ClusterSpecifier: &tcpproxyv3.TcpProxy_Cluster{Cluster: cluster},
				}),
			},
		}},
		MaxConnectionsToAcceptPerSocketEvent: wrapperspb.UInt32(1),
	}}, failed
}

// authorization is an AuthorizationPolicy with action DENY, as istiod says it.
func authorization(denied string) *rbacfilterv3.RBAC {
	return &rbacfilterv3.RBAC{
		StatPrefix: "tcp.",
		Rules: &rbacv3.RBAC{
			Action: rbacv3.RBAC_DENY,
			Policies: map[string]*rbacv3.Policy{"denied": {
				Permissions: []*rbacv3.Permission{{Rule: &rbacv3.Permission_Any{Any: true}}},
				Principals: []*rbacv3.Principal{{Identifier: &rbacv3.Principal_Authenticated_{
					Authenticated: &rbacv3.Principal_Authenticated{PrincipalName: &matcherv3.StringMatcher{
						MatchPattern: &matcherv3.StringMatcher_Exact{Exact: denied},
					}},
				}}},
			}},
		},
	}
}

func socketAddress(host string, port uint16) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: host, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(port)},
	}}}
}
