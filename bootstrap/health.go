package bootstrap

import (
	"fmt"
	"net/netip"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	internalv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/bootstrap/internal_listener/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	upstreamhttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// The paths of the health listener. All others are 404.
const (
	ReadyPath   = "/healthz/ready"
	MetricsPath = "/stats/prometheus"
)

// The health listener and its clusters: Envoy's admin interface, and that behind a
// filter that lets nothing through without a policy.
const (
	healthName       = "health"
	adminCluster     = "admin"
	readinessCluster = "readiness" // and its internal listener
)

// Anybody in the cluster reaches the health listener, and no limit of callers holds
// there: so what is silent or slow ends soon, and there is a bound. A gateway whose
// connections take all its files takes no more, and may crash.
const (
	healthTimeout     = 5 * time.Second
	healthConnections = 2048
)

// withHealth adds the health listener: readiness, which a gateway without a good
// policy has not, and metrics. Nothing else of the admin interface can be reached.
func (c Config) withHealth(p parts, listen netip.AddrPort, policyFile string) (*bootstrapv3.Bootstrap, error) {
	if c.Admin.Port() == 0 {
		return nil, fmt.Errorf("the health listener asks the admin interface: give that a port of its own, not 0")
	}
	admin := c.endpointCluster(adminCluster, socketAddress(c.Admin))
	ready := c.endpointCluster(readinessCluster, internalAddress(readinessCluster))
	// A new connection for each request: the filter looks at connections.
	ready.TypedExtensionProtocolOptions = map[string]*anypb.Any{
		"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": pack(&upstreamhttpv3.HttpProtocolOptions{
			CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{MaxRequestsPerConnection: wrapperspb.UInt32(1)},
			UpstreamProtocolOptions: &upstreamhttpv3.HttpProtocolOptions_ExplicitHttpConfig_{
				ExplicitHttpConfig: &upstreamhttpv3.HttpProtocolOptions_ExplicitHttpConfig{
					ProtocolConfig: &upstreamhttpv3.HttpProtocolOptions_ExplicitHttpConfig_HttpProtocolOptions{},
				},
			},
		}),
	}
	p.listeners = append(p.listeners, healthListener(listen), c.readinessListener(policyFile))
	p.clusters = append(p.clusters, []*clusterv3.Cluster{admin, ready}...)
	b := c.bootstrap(p)
	b.LayeredRuntime.Layers[0].GetStaticLayer().Fields["envoy.resource_limits.listener."+healthName+".connection_limit"] =
		structpb.NewNumberValue(healthConnections)
	b.BootstrapExtensions = []*corev3.TypedExtensionConfig{{
		Name:        "envoy.bootstrap.internal_listener",
		TypedConfig: pack(&internalv3.InternalListener{}),
	}}
	return b, nil
}

func healthListener(listen netip.AddrPort) *listenerv3.Listener {
	return &listenerv3.Listener{
		Name:    healthName,
		Address: socketAddress(listen),
		// A gateway that is full is ready all the same.
		IgnoreGlobalConnLimit: true,
		FilterChains: []*listenerv3.FilterChain{{Filters: []*listenerv3.Filter{
			networkFilter("envoy.filters.network.http_connection_manager", &hcmv3.HttpConnectionManager{
				StatPrefix: healthName,
				CodecType:  hcmv3.HttpConnectionManager_HTTP1,
				RouteSpecifier: &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: &routev3.RouteConfiguration{
					VirtualHosts: []*routev3.VirtualHost{{Name: healthName, Domains: []string{"*"}, Routes: []*routev3.Route{
						healthRoute(ReadyPath, readinessCluster, "/ready"),
						healthRoute(MetricsPath, adminCluster, ""),
					}}},
				}},
				HttpFilters: []*hcmv3.HttpFilter{{
					Name:       "envoy.filters.http.router",
					ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: pack(&routerv3.Router{})},
				}},
				CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{IdleTimeout: durationpb.New(healthTimeout)},
				RequestTimeout:            durationpb.New(healthTimeout),
				StreamIdleTimeout:         durationpb.New(healthTimeout),
			}),
		}}},
	}
}

func healthRoute(path, cluster, rewrite string) *routev3.Route {
	return &routev3.Route{
		Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Path{Path: path}},
		Action: &routev3.Route_Route{Route: &routev3.RouteAction{
			ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: cluster},
			PrefixRewrite:    rewrite,
			Timeout:          durationpb.New(healthTimeout),
		}},
	}
}

// readinessListener leads to the admin interface while a policy is in force.
func (c Config) readinessListener(policyFile string) *listenerv3.Listener {
	return &listenerv3.Listener{
		Name: readinessCluster,
		ListenerSpecifier: &listenerv3.Listener_InternalListener{
			InternalListener: &listenerv3.Listener_InternalListenerConfig{},
		},
		FilterChains: []*listenerv3.FilterChain{{Filters: []*listenerv3.Filter{
			policyFilter(policyFile, moduleSettings{RequireEndMark: c.RequireEndMark, Readiness: true}),
			c.TCPProxy(adminCluster),
		}}},
	}
}
