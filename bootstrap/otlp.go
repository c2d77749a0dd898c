package bootstrap

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	otlplogv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/open_telemetry/v3"
	upstreamhttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	otlpv1 "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/protobuf/types/known/anypb"

	"wildcard-egress/filter/policy/servername"
)

const otlpClusterName = "otlp"

func splitCollector(text string) (host string, port uint16, err error) {
	return HostPort(text, "otel-collector.observability.svc.cluster.local:4317")
}

// otlpLog sends the fields to the collector, each as an attribute of a log record.
// What is empty in the line is "-" there, or empty: Envoy leaves nothing out.
func otlpLog(fields logFields) *accesslogv3.AccessLog {
	return &accesslogv3.AccessLog{
		Name: "envoy.access_loggers.open_telemetry",
		ConfigType: &accesslogv3.AccessLog_TypedConfig{TypedConfig: pack(&otlplogv3.OpenTelemetryAccessLogConfig{
			GrpcService: &corev3.GrpcService{TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{
				EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: otlpClusterName},
			}},
			LogName:            ModuleName,
			ResourceAttributes: attributes(map[string]string{"service.name": "wildcard-egress"}),
			Attributes:         attributes(fields),
		})},
	}
}

func attributes(values map[string]string) *otlpv1.KeyValueList {
	list := &otlpv1.KeyValueList{}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		list.Values = append(list.Values, &otlpv1.KeyValue{
			Key: key, Value: &otlpv1.AnyValue{Value: &otlpv1.AnyValue_StringValue{StringValue: values[key]}},
		})
	}
	return list
}

// otlpCluster returns the cluster of the collector: gRPC in clear. Nil: there is
// none.
func (c Config) otlpCluster() *clusterv3.Cluster {
	if c.network().OTLP == "" {
		return nil
	}
	host, port, err := splitCollector(c.network().OTLP)
	if err != nil {
		panic(err) // Network.Validate has seen it
	}
	cluster := c.addressCluster(otlpClusterName, host, port)
	cluster.TypedExtensionProtocolOptions = map[string]*anypb.Any{
		"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": pack(&upstreamhttpv3.HttpProtocolOptions{
			UpstreamProtocolOptions: &upstreamhttpv3.HttpProtocolOptions_ExplicitHttpConfig_{
				ExplicitHttpConfig: &upstreamhttpv3.HttpProtocolOptions_ExplicitHttpConfig{
					ProtocolConfig: &upstreamhttpv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{
						Http2ProtocolOptions: &corev3.Http2ProtocolOptions{}},
				},
			},
		}),
	}
	return cluster
}

// gatewayClusters are those that the gateway's own filters and loggers name.
func (c Config) gatewayClusters(forward *clusterv3.Cluster) []*clusterv3.Cluster {
	clusters := []*clusterv3.Cluster{forward}
	if collector := c.otlpCluster(); collector != nil {
		clusters = append(clusters, collector)
	}
	return clusters
}

// HostPort reads HOST:PORT of what Envoy is to dial: HOST is an IP address or a full
// host name, of one machine (0.0.0.0 is none), and PORT is not 0. example stands in
// the error.
func HostPort(text, example string) (host string, port uint16, err error) {
	host, digits, err := net.SplitHostPort(text)
	number, errPort := strconv.ParseUint(digits, 10, 16)
	if err != nil || errPort != nil || number == 0 || !isMachine(host) {
		return "", 0, fmt.Errorf("%q: want HOST:PORT with the IP address or full host name of one machine, such as %s", text, example)
	}
	return host, uint16(number), nil
}

func isMachine(host string) bool {
	if address, err := netip.ParseAddr(host); err == nil {
		return !address.IsUnspecified() && !address.IsMulticast()
	}
	_, err := servername.Parse([]byte(host))
	return err == nil
}
