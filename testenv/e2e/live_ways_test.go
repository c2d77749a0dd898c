package e2e_test

import (
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"wildcard-egress/testenv/controlplane"
)

// inline has the policy in the listener.
func inline(*testing.T) *delivery {
	return &delivery{
		wire: func(*delivery, *bootstrapv3.Bootstrap) error { return nil },
		policy: func(d *delivery) (err error) {
			config, err := anypb.New(d.filter)
			if err != nil {
				return err
			}
			d.place().ConfigType = &listenerv3.Filter_TypedConfig{TypedConfig: config}
			return d.setListener()
		},
	}
}

// ecdsFile has it in a file of its own that Envoy watches.
func ecdsFile(*testing.T) *delivery {
	return &delivery{
		wire: func(d *delivery, _ *bootstrapv3.Bootstrap) error {
			return d.discover(&corev3.ConfigSource{ConfigSourceSpecifier: &corev3.ConfigSource_PathConfigSource{
				PathConfigSource: &corev3.PathConfigSource{Path: d.file("extension.yaml")}}})
		},
		policy: func(d *delivery) error {
			config, err := anypb.New(d.filter)
			if err != nil {
				return err
			}
			resource, err := anypb.New(&corev3.TypedExtensionConfig{Name: extension, TypedConfig: config})
			if err != nil {
				return err
			}
			return d.write("extension.yaml", &discoveryv3.DiscoveryResponse{Resources: []*anypb.Any{resource}})
		},
	}
}

// ecdsStream has it come from a control plane, over the aggregated stream that
// Istio uses.
func ecdsStream(t *testing.T) *delivery {
	t.Helper()
	control, err := controlplane.Start()
	if err != nil {
		t.Fatal(err)
	}
	return &delivery{
		control: control,
		wire: func(d *delivery, b *bootstrapv3.Bootstrap) error {
			cluster, err := controlCluster(control.Port())
			if err != nil {
				return err
			}
			b.StaticResources.Clusters = append(b.StaticResources.Clusters, cluster)
			b.DynamicResources.AdsConfig = &corev3.ApiConfigSource{
				ApiType: corev3.ApiConfigSource_GRPC, TransportApiVersion: corev3.ApiVersion_V3,
				GrpcServices: []*corev3.GrpcService{{TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{
					EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: cluster.Name}}}},
			}
			return d.discover(&corev3.ConfigSource{ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}}})
		},
		policy: func(d *delivery) error {
			config, err := anypb.New(d.filter)
			if err != nil {
				return err
			}
			return control.SetExtension(extension, config)
		},
	}
}

// discover has the listener ask source for our filter's configuration.
func (d *delivery) discover(source *corev3.ConfigSource) error {
	source.ResourceApiVersion = corev3.ApiVersion_V3
	source.InitialFetchTimeout = durationpb.New(0) // the listener opens when there is a policy
	*d.place() = listenerv3.Filter{Name: extension, ConfigType: &listenerv3.Filter_ConfigDiscovery{
		ConfigDiscovery: &corev3.ExtensionConfigSource{ConfigSource: source,
			TypeUrls: []string{"type.googleapis.com/" + string(proto.MessageName(d.filter))}}}}
	return d.setListener()
}

func controlCluster(port uint16) (*clusterv3.Cluster, error) {
	http2, err := anypb.New(&httpv3.HttpProtocolOptions{UpstreamProtocolOptions: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_{
		ExplicitHttpConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig{
			ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{
				Http2ProtocolOptions: &corev3.Http2ProtocolOptions{}}}}})
	if err != nil {
		return nil, err
	}
	address := &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: "127.0.0.1", PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(port)}}}}
	return &clusterv3.Cluster{
		Name:                          "control_plane",
		TypedExtensionProtocolOptions: map[string]*anypb.Any{"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2},
		LoadAssignment: &endpointv3.ClusterLoadAssignment{ClusterName: "control_plane",
			Endpoints: []*endpointv3.LocalityLbEndpoints{{LbEndpoints: []*endpointv3.LbEndpoint{{
				HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: address}}}}}}},
	}, nil
}
