package istiod

import (
	"fmt"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	filelogv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/file/v3"
	dfpclusterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/dynamic_forward_proxy/v3"
	dfpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/common/dynamic_forward_proxy/v3"
	modulefilterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/dynamic_modules/v3"
	snidfpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
)

// Local is the one machine on which the resources run. It changes addresses and
// files, and nothing of the structure.
type Local struct {
	PolicyFile   string
	AccessLog    string
	UpstreamPort uint16
	// Cache is taken the resolver of, and the address guard, which is off where
	// the sites are on loopback addresses.
	Cache *dfpv3.DnsCacheConfig
}

// Put makes r the content of b, which keeps its admin interface and its limits.
func (l Local) Put(r Resources, b *bootstrapv3.Bootstrap) error {
	r.Listener.Address = socketAddress("127.0.0.1", 0)
	for _, log := range r.Listener.AccessLog {
		if err := editAny(log.GetTypedConfig(), func(m proto.Message) error {
			if file, ok := m.(*filelogv3.FileAccessLog); ok {
				file.Path = l.AccessLog
			}
			return nil
		}); err != nil {
			return err
		}
	}
	for _, filter := range r.Listener.FilterChains[0].Filters {
		if filter.GetConfigDiscovery() != nil {
			continue
		}
		if err := editFilter(filter, l.edit); err != nil {
			return fmt.Errorf("filter %s: %w", filter.Name, err)
		}
	}
	for _, cluster := range r.Clusters {
		if err := editAny(cluster.GetClusterType().GetTypedConfig(), l.edit); err != nil {
			return fmt.Errorf("cluster %s: %w", cluster.Name, err)
		}
	}
	b.StaticResources = &bootstrapv3.Bootstrap_StaticResources{
		Listeners: []*listenerv3.Listener{r.Listener},
		Clusters:  append([]*clusterv3.Cluster{}, r.Clusters...),
	}
	return nil
}

func (l Local) edit(m proto.Message) error {
	switch m := m.(type) {
	case *modulefilterv3.DynamicModuleNetworkFilter:
		return editAny(m.FilterConfig, func(config proto.Message) error {
			settings, ok := config.(*structpb.Struct)
			if !ok { // the filter that tells how a connection ended
				return nil
			}
			fields := settings.Fields
			fields["policy_file"] = structpb.NewStringValue(l.PolicyFile)
			fields["upstream_port"] = structpb.NewNumberValue(float64(l.UpstreamPort))
			return nil
		})
	case *snidfpv3.FilterConfig:
		m.PortSpecifier = &snidfpv3.FilterConfig_PortValue{PortValue: uint32(l.UpstreamPort)}
		l.editCache(m.DnsCacheConfig)
	case *dfpclusterv3.ClusterConfig:
		l.editCache(m.GetDnsCacheConfig())
	}
	return nil
}

func (l Local) editCache(c *dfpv3.DnsCacheConfig) {
	c.TypedDnsResolverConfig = l.Cache.TypedDnsResolverConfig
	c.ResolvedAddressFilter = l.Cache.ResolvedAddressFilter
}

// AskByADS has b ask the control plane at port of 127.0.0.1.
func AskByADS(b *bootstrapv3.Bootstrap, port uint16) error {
	const name = "control_plane"
	http2, err := anypb.New(&httpv3.HttpProtocolOptions{
		UpstreamProtocolOptions: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_{
			ExplicitHttpConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig{
				ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{},
			},
		},
	})
	if err != nil {
		return err
	}
	b.StaticResources.Clusters = append(b.StaticResources.Clusters, &clusterv3.Cluster{
		Name:                          name,
		TypedExtensionProtocolOptions: map[string]*anypb.Any{"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2},
		LoadAssignment: &endpointv3.ClusterLoadAssignment{ClusterName: name, Endpoints: []*endpointv3.LocalityLbEndpoints{{
			LbEndpoints: []*endpointv3.LbEndpoint{{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{
				Endpoint: &endpointv3.Endpoint{Address: socketAddress("127.0.0.1", port)},
			}}},
		}}},
	})
	b.DynamicResources = &bootstrapv3.Bootstrap_DynamicResources{AdsConfig: &corev3.ApiConfigSource{
		ApiType: corev3.ApiConfigSource_GRPC, TransportApiVersion: corev3.ApiVersion_V3,
		GrpcServices: []*corev3.GrpcService{{TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{
			EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: name},
		}}},
	}}
	return nil
}

func editFilter(f *listenerv3.Filter, edit func(proto.Message) error) error {
	return editAny(f.GetTypedConfig(), edit)
}

// editAny changes a packed message in place.
func editAny(packed *anypb.Any, edit func(proto.Message) error) error {
	m, err := packed.UnmarshalNew()
	if err == nil {
		err = edit(m)
	}
	if err != nil {
		return err
	}
	return packed.MarshalFrom(m)
}
