package istio

import (
	"fmt"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	networkingv1 "istio.io/client-go/pkg/apis/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// subset is the article's. It only names the gateway's cluster in the sidecars.
const subset = "wildcard"

const allSidecars = "mesh" // Istio's word for them where a Gateway is asked for

const (
	// Istio's CRD takes so many hosts in a ServiceEntry.
	hostsPerServiceEntry = 256
	// The hosts are dealt out to so many VirtualServices, however many hosts there
	// are: istiod writes a VirtualService's name into the filter chains that it
	// makes of it, so that a host which moved to another one would have a new
	// chain, and its streams cut. It goes through all matches of a VirtualService
	// for each of its hosts: few large ones would cost it more than many small ones.
	virtualServices = 512
)

func networking(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: "networking.istio.io/v1", Kind: kind}
}

// routeObjects lead the hosts to the gateway. The routes come before the
// ServiceEntries, which put them in force: a host that is listed in the mesh and
// has no route would be dialled past the gateway.
func (r *renderer) routeObjects() []object {
	objects := []object{r.destinationRule()}
	if r.API == IstioAPI && !r.NoEnvoyFilter {
		objects = append(objects, r.gatewayRoute())
	}
	for _, b := range fixedBuckets(r.Name, r.traffic.hosts, virtualServices) {
		objects = append(objects, r.virtualService(b))
	}
	if r.API == IstioAPI && !r.NoEnvoyFilter {
		objects = append(objects, r.nowhere())
	}
	for _, b := range bucketsOf(r.Name, r.traffic.hosts, hostsPerServiceEntry) {
		objects = append(objects, r.serviceEntry(b))
	}
	return objects
}

// exportTo has who may see an object of the gateway's namespace: that, and the
// applications' namespaces. Without it all namespaces of the mesh would be led
// to a gateway that lets only some in. The hosts and their routes are for the
// applications alone: of each host the gateway would have a cluster that it does
// not use, 12,000 with 6,000 hosts and two ports.
func (o Options) exportTo() []string { return append([]string{"."}, o.AppNamespaces...) }

func (r *renderer) serviceEntry(b bucket) object {
	spec := networkingv1alpha3.ServiceEntry{
		Hosts:      b.hosts,
		Location:   networkingv1alpha3.ServiceEntry_MESH_EXTERNAL,
		Resolution: networkingv1alpha3.ServiceEntry_NONE,
		ExportTo:   r.AppNamespaces,
	}
	for _, p := range r.traffic.ports {
		spec.Ports = append(spec.Ports, &networkingv1alpha3.ServicePort{
			Number: uint32(p), Name: fmt.Sprintf("tls-%d", p), Protocol: "TLS",
		})
	}
	return object{comment: "The hosts of the policy, as far as Istio can say them: the gateway decides the rest.", value: &networkingv1.ServiceEntry{
		TypeMeta: networking("ServiceEntry"), ObjectMeta: r.meta(b.name), Spec: *spec.DeepCopy(),
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
		ExportTo: r.exportTo(),
	}
	return object{comment: "From the sidecars to the gateway in mTLS: the gateway knows who asks.", value: &networkingv1.DestinationRule{
		TypeMeta: networking("DestinationRule"), ObjectMeta: r.meta(r.Name), Spec: *spec.DeepCopy(),
	}}
}

// virtualService sends each host to the gateway by a match of its own: istiod
// makes a filter chain of each, and an edit replaces no chain but those of the
// hosts that it names. There is no port in it: istiod takes that of the
// listener, so that a host stands here once however many ports there are.
func (r *renderer) virtualService(b bucket) object {
	route := &networkingv1alpha3.TLSRoute{
		Route: []*networkingv1alpha3.RouteDestination{{Destination: &networkingv1alpha3.Destination{Host: r.host(), Subset: subset}}},
	}
	for _, host := range b.hosts {
		route.Match = append(route.Match, &networkingv1alpha3.TLSMatchAttributes{SniHosts: []string{host}})
	}
	spec := networkingv1alpha3.VirtualService{
		Hosts: b.hosts, Gateways: []string{allSidecars}, Tls: []*networkingv1alpha3.TLSRoute{route}, ExportTo: r.AppNamespaces,
	}
	meta := r.meta(b.name)
	if len(r.traffic.ports) > 1 {
		// istioctl analyze does not know that a destination without a port takes the listener's.
		meta.Annotations = map[string]string{"galley.istio.io/analyze-suppress": "IST0112"}
	}
	return object{comment: "The hosts go to the gateway, by the port that was asked for; a filter chain for each, so that an edit\n" +
		"cuts no stream to another.", value: &networkingv1.VirtualService{
		TypeMeta: networking("VirtualService"), ObjectMeta: meta, Spec: *spec.DeepCopy(),
	}}
}

// nowhereHost has no endpoint and, below .invalid, will never have one.
func (o Options) nowhereHost() string { return "nowhere." + o.Name + "." + o.Namespace + ".invalid" }

// gatewayRoute makes istiod build the gateway's listener, with a route that
// leads nowhere: without our EnvoyFilter nothing gets through.
func (r *renderer) gatewayRoute() object {
	gateway := r.Namespace + "/" + r.Name
	spec := networkingv1alpha3.VirtualService{
		Hosts: []string{r.nowhereHost()}, Gateways: []string{gateway}, ExportTo: []string{"."},
		Tcp: []*networkingv1alpha3.TCPRoute{{
			Match: []*networkingv1alpha3.L4MatchAttributes{{Gateways: []string{gateway}, Port: uint32(r.Port)}},
			Route: []*networkingv1alpha3.RouteDestination{{Destination: &networkingv1alpha3.Destination{
				Host: r.nowhereHost(), Port: &networkingv1alpha3.PortSelector{Number: uint32(r.Port)},
			}}},
		}},
	}
	return object{comment: "A route that leads nowhere, so that istiod builds the gateway's listener: the EnvoyFilter replaces it, and\n" +
		"without that all is refused.", value: &networkingv1.VirtualService{
		TypeMeta: networking("VirtualService"), ObjectMeta: r.meta(r.Name), Spec: *spec.DeepCopy(),
	}}
}

// nowhere is what gatewayRoute leads to. It must not be the gateway's own
// Service: that would be a loop.
func (r *renderer) nowhere() object {
	spec := networkingv1alpha3.ServiceEntry{
		Hosts:      []string{r.nowhereHost()},
		Ports:      []*networkingv1alpha3.ServicePort{{Number: uint32(r.Port), Name: "tcp", Protocol: "TCP"}},
		Location:   networkingv1alpha3.ServiceEntry_MESH_EXTERNAL,
		Resolution: networkingv1alpha3.ServiceEntry_STATIC,
		ExportTo:   []string{"."},
	}
	return object{comment: "Where the gateway's route leads: a host without endpoints.", value: &networkingv1.ServiceEntry{
		TypeMeta: networking("ServiceEntry"), ObjectMeta: r.meta(r.Name), Spec: *spec.DeepCopy(),
	}, defaults: map[string]string{"spec.location": "MESH_EXTERNAL"}}
}
