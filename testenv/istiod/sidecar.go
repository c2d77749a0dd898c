package istiod

import (
	"bytes"
	"fmt"
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	tlsinspectorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/tls_inspector/v3"
	tcpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	"sigs.k8s.io/yaml"
)

// routes are what istiod knows of the way to the gateway.
type routes struct {
	services []*networkingv1alpha3.ServiceEntry
	virtual  []virtualService // of the sidecars
}

type virtualService struct {
	name string
	*networkingv1alpha3.VirtualService
}

// Sidecar returns the listeners that istiod makes of a stream of manifests for
// the sidecars of a namespace: one for each port of a ServiceEntry, and in it a
// filter chain for each match of a VirtualService that has one of its hosts. A
// host without one would be dialled past the gateway: that is an error here.
//
// After istio/istio, pilot/pkg/networking/core: buildSidecarOutboundListeners,
// buildSidecarOutboundTLSFilterChainOpts (the first of equal matches counts) and
// GetDestinationCluster (a destination without a port has that of the listener;
// the gateway's Service has all of them).
func Sidecar(stream []byte, namespace string) ([]*listenerv3.Listener, error) {
	r, err := routesOf(stream, namespace)
	if err != nil {
		return nil, err
	}
	var listeners []*listenerv3.Listener
	for _, service := range r.services {
		for _, port := range service.Ports {
			name := fmt.Sprintf("0.0.0.0_%d", port.Number)
			at := slices.IndexFunc(listeners, func(l *listenerv3.Listener) bool { return l.Name == name })
			if at < 0 {
				inspector, err := anypb.New(&tlsinspectorv3.TlsInspector{})
				if err != nil {
					return nil, err
				}
				at, listeners = len(listeners), append(listeners, &listenerv3.Listener{
					Name: name, Address: socketAddress("127.0.0.1", 0), TrafficDirection: corev3.TrafficDirection_OUTBOUND,
					ListenerFilters: []*listenerv3.ListenerFilter{{
						Name:       "envoy.filters.listener.tls_inspector",
						ConfigType: &listenerv3.ListenerFilter_TypedConfig{TypedConfig: inspector},
					}},
				})
			}
			for _, host := range service.Hosts {
				if err := r.addChains(listeners[at], host, port.Number); err != nil {
					return nil, err
				}
			}
		}
	}
	return listeners, nil
}

func (r *routes) addChains(l *listenerv3.Listener, host string, port uint32) error {
	routed := false
	for _, v := range r.virtual {
		if !slices.Contains(v.Hosts, host) {
			continue
		}
		for _, route := range v.Tls {
			for _, match := range route.Match {
				if match.Port != 0 && match.Port != port {
					continue
				}
				routed = true
				if err := addChain(l, v.name, match.SniHosts, route.Route[0].Destination, port); err != nil {
					return err
				}
			}
		}
	}
	if !routed {
		return fmt.Errorf("host %s has no route on port %d: it would be dialled past the gateway", host, port)
	}
	return nil
}

// addChain adds a chain to l. istiod says in it which VirtualService it is of:
// with another one it is another chain (util.BuildConfigInfoMetadata).
func addChain(l *listenerv3.Listener, of string, names []string, to *networkingv1alpha3.Destination, port uint32) error {
	if slices.ContainsFunc(l.FilterChains, func(c *listenerv3.FilterChain) bool {
		return slices.Equal(c.FilterChainMatch.ServerNames, names)
	}) {
		return nil
	}
	if to.Port != nil {
		port = to.Port.Number
	}
	cluster := fmt.Sprintf("outbound|%d|%s|%s", port, to.Subset, to.Host)
	proxy, err := anypb.New(&tcpproxyv3.TcpProxy{StatPrefix: cluster, ClusterSpecifier: &tcpproxyv3.TcpProxy_Cluster{Cluster: cluster}})
	l.FilterChains = append(l.FilterChains, &listenerv3.FilterChain{
		Metadata: &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{"istio": {Fields: map[string]*structpb.Value{
			"config": structpb.NewStringValue("/apis/networking.istio.io/v1/virtual-service/" + of),
		}}}},
		FilterChainMatch: &listenerv3.FilterChainMatch{ServerNames: names},
		Filters: []*listenerv3.Filter{{
			Name: "envoy.filters.network.tcp_proxy", ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: proxy},
		}},
	})
	return err
}

// routesOf reads those objects that the sidecars of a namespace see.
func routesOf(stream []byte, namespace string) (*routes, error) {
	r := &routes{}
	for _, text := range bytes.Split(stream, []byte("\n---\n")) {
		var object struct {
			Kind     string `json:"kind"`
			Metadata struct {
				Name string `json:"name"`
			} `json:"metadata"`
			Spec map[string]any `json:"spec"`
		}
		if err := yaml.Unmarshal(text, &object); err != nil {
			return nil, err
		}
		service, virtual := &networkingv1alpha3.ServiceEntry{}, &networkingv1alpha3.VirtualService{}
		into := map[string]proto.Message{"ServiceEntry": service, "VirtualService": virtual}[object.Kind]
		if into == nil {
			continue
		}
		spec, err := yaml.Marshal(object.Spec)
		if err == nil {
			spec, err = yaml.YAMLToJSON(spec)
		}
		if err == nil {
			err = protojson.Unmarshal(spec, into)
		}
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %w", object.Kind, err)
		case slices.Contains(service.ExportTo, namespace):
			r.services = append(r.services, service)
		case slices.Contains(virtual.ExportTo, namespace) && slices.Contains(virtual.Gateways, "mesh"):
			r.virtual = append(r.virtual, virtualService{object.Metadata.Name, virtual})
		}
	}
	return r, nil
}
