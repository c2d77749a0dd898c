package istio

import (
	"fmt"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	telemetryv1alpha1 "istio.io/api/telemetry/v1alpha1"
	typev1beta1 "istio.io/api/type/v1beta1"
	networkingv1 "istio.io/client-go/pkg/apis/networking/v1"
	telemetryv1 "istio.io/client-go/pkg/apis/telemetry/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"google.golang.org/protobuf/types/known/wrapperspb"
)

// subset is the article's. It only names the gateway's cluster in the sidecars.
const subset = "wildcard"

const allSidecars = "mesh" // Istio's word for them where a Gateway is asked for

func networking(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: "networking.istio.io/v1", Kind: kind}
}

func (r *renderer) serviceEntry() object {
	spec := networkingv1alpha3.ServiceEntry{
		Hosts:      r.traffic.hosts,
		Location:   networkingv1alpha3.ServiceEntry_MESH_EXTERNAL,
		Resolution: networkingv1alpha3.ServiceEntry_NONE,
	}
	for _, p := range r.traffic.ports {
		spec.Ports = append(spec.Ports, &networkingv1alpha3.ServicePort{
			Number: uint32(p), Name: fmt.Sprintf("tls-%d", p), Protocol: "TLS",
		})
	}
	return object{comment: "The hosts of the policy, as far as Istio can say them: the gateway decides the rest.", value: &networkingv1.ServiceEntry{
		TypeMeta: networking("ServiceEntry"), ObjectMeta: r.meta(r.Name), Spec: *spec.DeepCopy(),
	}, defaults: map[string]string{"spec.location": "MESH_EXTERNAL", "spec.resolution": "NONE"}}
}

func (r *renderer) destinationRule() object {
	spec := networkingv1alpha3.DestinationRule{
		Host: r.host(),
		Subsets: []*networkingv1alpha3.Subset{{
			Name: subset,
			TrafficPolicy: &networkingv1alpha3.TrafficPolicy{
				Tls: &networkingv1alpha3.ClientTLSSettings{Mode: networkingv1alpha3.ClientTLSSettings_ISTIO_MUTUAL},
			},
		}},
	}
	return object{comment: "From the sidecars to the gateway in mTLS: the gateway knows who asks.", value: &networkingv1.DestinationRule{
		TypeMeta: networking("DestinationRule"), ObjectMeta: r.meta(r.Name), Spec: *spec.DeepCopy(),
	}}
}

// virtualService sends the hosts to the gateway, by the port that was asked
// for. At the gateway it makes istiod build the listener, with a route that
// leads nowhere: without our EnvoyFilter nothing gets through.
func (r *renderer) virtualService() object {
	spec := networkingv1alpha3.VirtualService{Hosts: r.traffic.hosts, Gateways: []string{allSidecars}}
	for _, p := range r.traffic.ports {
		spec.Tls = append(spec.Tls, &networkingv1alpha3.TLSRoute{
			Match: []*networkingv1alpha3.TLSMatchAttributes{{
				Gateways: []string{allSidecars}, Port: uint32(p), SniHosts: r.traffic.hosts,
			}},
			Route: []*networkingv1alpha3.RouteDestination{{Destination: &networkingv1alpha3.Destination{
				Host: r.host(), Subset: subset, Port: &networkingv1alpha3.PortSelector{Number: uint32(p)},
			}}},
		})
	}
	about := "The hosts go to the gateway, by the port that was asked for."
	if r.API == IstioAPI && !r.NoEnvoyFilter {
		about += " At the gateway the route\nleads nowhere (dummy.local): the EnvoyFilter replaces it, and without that all is refused."
		gateway := r.Namespace + "/" + r.Name
		spec.Gateways = append(spec.Gateways, gateway)
		spec.Tcp = []*networkingv1alpha3.TCPRoute{{
			Match: []*networkingv1alpha3.L4MatchAttributes{{Gateways: []string{gateway}, Port: uint32(r.Port)}},
			Route: []*networkingv1alpha3.RouteDestination{{Destination: &networkingv1alpha3.Destination{
				Host: "dummy.local", Port: &networkingv1alpha3.PortSelector{Number: uint32(r.Port)},
			}}},
		}}
	}
	return object{comment: about, value: &networkingv1.VirtualService{
		TypeMeta: networking("VirtualService"), ObjectMeta: r.meta(r.Name), Spec: *spec.DeepCopy(),
	}}
}

// telemetry takes the mesh's own access log off the gateway: the listener has
// one line for each connection, with the decision in it.
func (r *renderer) telemetry() object {
	spec := telemetryv1alpha1.Telemetry{
		Selector: &typev1beta1.WorkloadSelector{MatchLabels: r.selector()},
		AccessLogging: []*telemetryv1alpha1.AccessLogging{{
			// By name: without one, MeshConfig's accessLogFile would stay.
			Providers: []*telemetryv1alpha1.ProviderRef{{Name: "envoy"}},
			Disabled:  wrapperspb.Bool(true),
		}},
	}
	return object{comment: "One access log line for each connection, the one of the gateway's listener: the mesh's own says\nnothing of decisions.", value: &telemetryv1.Telemetry{
		TypeMeta:   metav1.TypeMeta{APIVersion: "telemetry.istio.io/v1", Kind: "Telemetry"},
		ObjectMeta: r.meta(r.Name), Spec: *spec.DeepCopy(),
	}}
}

func (r *renderer) sidecars() []object {
	var objects []object
	for _, n := range r.AppNamespaces {
		spec := networkingv1alpha3.Sidecar{OutboundTrafficPolicy: &networkingv1alpha3.OutboundTrafficPolicy{
			Mode: networkingv1alpha3.OutboundTrafficPolicy_REGISTRY_ONLY,
		}}
		meta := r.meta("default")
		meta.Namespace = n
		objects = append(objects, object{
			comment: "Sidecars refuse what no ServiceEntry lists. A namespace has one Sidecar for all its pods: if there is\n" +
				"one, set its outboundTrafficPolicy instead. For the whole mesh: meshConfig.outboundTrafficPolicy.mode.",
			value:    &networkingv1.Sidecar{TypeMeta: networking("Sidecar"), ObjectMeta: meta, Spec: *spec.DeepCopy()},
			defaults: map[string]string{"spec.outboundTrafficPolicy.mode": "REGISTRY_ONLY"},
		})
	}
	return objects
}
