package istio

import (
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	networkingv1 "istio.io/client-go/pkg/apis/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1alpha2 "sigs.k8s.io/gateway-api/apis/v1alpha2"
)

// listenerObjects make istiod build the listener and put our chain into it.
// With NoEnvoyFilter the bootstrap has it.
func (r *renderer) listenerObjects() ([]object, error) {
	if r.NoEnvoyFilter {
		return nil, nil
	}
	patches, err := r.chainPatches()
	if err != nil {
		return nil, err
	}
	chain := r.envoyFilter("The chain of the gateway's listener, and of no other proxy: wildcard_egress,\n"+
		"sni_dynamic_forward_proxy, tcp_proxy to the cluster that connects to the host asked for.", r.Name, patches...)
	objects := []object{r.istioGateway()}
	if r.API == GatewayAPI {
		objects = []object{r.apiGateway(), r.tcpRoute()}
	}
	if objects = append(objects, chain); r.PolicyBy != ByECDS {
		return objects, nil
	}
	policy, err := r.policyPatch()
	return append(objects, policy), err
}

func (r *renderer) istioGateway() object {
	spec := networkingv1alpha3.Gateway{
		Selector: r.selector(),
		Servers: []*networkingv1alpha3.Server{{
			Port:  &networkingv1alpha3.Port{Number: uint32(r.Port), Name: "tls", Protocol: "TLS"},
			Hosts: []string{"*"},
			Tls:   &networkingv1alpha3.ServerTLSSettings{Mode: networkingv1alpha3.ServerTLSSettings_ISTIO_MUTUAL},
		}},
	}
	return object{comment: aboutGateway, value: &networkingv1.Gateway{
		TypeMeta: networking("Gateway"), ObjectMeta: r.meta(r.Name), Spec: *spec.DeepCopy(),
	}}
}

const aboutGateway = "The gateway's listener: it ends the mesh's mTLS. The inner TLS stays closed."

// apiGateway goes to our own Service and Deployment: Istio makes none for a
// Gateway with an address.
func (r *renderer) apiGateway() object {
	terminate, hostname := gatewayv1.TLSModeTerminate, gatewayv1.HostnameAddressType
	return object{comment: aboutGateway, value: &gatewayv1.Gateway{
		TypeMeta:   metav1.TypeMeta{APIVersion: "gateway.networking.k8s.io/v1", Kind: "Gateway"},
		ObjectMeta: r.meta(r.Name),
		Spec: gatewayv1.GatewaySpec{
			GatewayClassName: "istio",
			Addresses:        []gatewayv1.GatewaySpecAddress{{Type: &hostname, Value: r.host()}},
			Listeners: []gatewayv1.Listener{{
				Name: "tls", Port: gatewayv1.PortNumber(r.traffic.ports[0]), Protocol: gatewayv1.TLSProtocolType,
				TLS: &gatewayv1.ListenerTLSConfig{Mode: &terminate, Options: map[gatewayv1.AnnotationKey]gatewayv1.AnnotationValue{
					"gateway.istio.io/tls-terminate-mode": "ISTIO_MUTUAL",
				}},
			}},
		},
	}}
}

// tcpRoute leads nowhere. Version v1 is new in Gateway API 1.6, whose module is
// not out; its fields are those of v1alpha2.
func (r *renderer) tcpRoute() object {
	port, weight := gatewayv1.PortNumber(r.traffic.ports[0]), int32(0)
	return object{comment: "A route that leads nowhere, so that istiod builds the listener: the EnvoyFilter replaces it, and\n" +
		"without that all is refused.", value: &gatewayv1alpha2.TCPRoute{
		TypeMeta:   metav1.TypeMeta{APIVersion: "gateway.networking.k8s.io/v1", Kind: "TCPRoute"},
		ObjectMeta: r.meta(r.Name),
		Spec: gatewayv1alpha2.TCPRouteSpec{
			CommonRouteSpec: gatewayv1.CommonRouteSpec{ParentRefs: []gatewayv1.ParentReference{{Name: gatewayv1.ObjectName(r.Name)}}},
			Rules: []gatewayv1alpha2.TCPRouteRule{{BackendRefs: []gatewayv1.BackendRef{{
				BackendObjectReference: gatewayv1.BackendObjectReference{Name: gatewayv1.ObjectName(r.Name), Port: &port},
				Weight:                 &weight,
			}}}},
		},
	}}
}
