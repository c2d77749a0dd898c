package istio

import (
	"google.golang.org/protobuf/types/known/wrapperspb"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	telemetryv1alpha1 "istio.io/api/telemetry/v1alpha1"
	typev1beta1 "istio.io/api/type/v1beta1"
	networkingv1 "istio.io/client-go/pkg/apis/networking/v1"
	telemetryv1 "istio.io/client-go/pkg/apis/telemetry/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

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
		meta := r.appMeta(n)
		objects = append(objects, object{
			comment: "Sidecars refuse what no ServiceEntry lists. A namespace has one Sidecar for all its pods: if there is\n" +
				"another, leave this one out (--without sidecar) and set outboundTrafficPolicy there.",
			value:    &networkingv1.Sidecar{TypeMeta: networking("Sidecar"), ObjectMeta: meta, Spec: *spec.DeepCopy()},
			defaults: map[string]string{"spec.outboundTrafficPolicy.mode": "REGISTRY_ONLY"},
		})
	}
	return objects
}
