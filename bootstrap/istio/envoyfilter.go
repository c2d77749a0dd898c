package istio

import (
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	istiov1alpha3 "istio.io/client-go/pkg/apis/networking/v1alpha3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"wildcard-egress/bootstrap"
)

// envoyFilterPriority has ours applied after those of others, which have none:
// where two merge into the same field, such as tcp_proxy's cluster, the last
// one counts.
const envoyFilterPriority = 100

func (r *renderer) envoyFilter(about, name string, patches ...*networkingv1alpha3.EnvoyFilter_EnvoyConfigObjectPatch) object {
	spec := networkingv1alpha3.EnvoyFilter{
		WorkloadSelector: &networkingv1alpha3.WorkloadSelector{Labels: r.selector()},
		ConfigPatches:    patches,
		Priority:         envoyFilterPriority,
	}
	return object{comment: about, value: &istiov1alpha3.EnvoyFilter{
		TypeMeta:   metav1.TypeMeta{APIVersion: "networking.istio.io/v1alpha3", Kind: "EnvoyFilter"},
		ObjectMeta: r.meta(name), Spec: *spec.DeepCopy(),
	}}
}

// patch is one change of what istiod makes.
type patch struct {
	to        networkingv1alpha3.EnvoyFilter_ApplyTo
	match     *networkingv1alpha3.EnvoyFilter_EnvoyConfigObjectMatch
	operation networkingv1alpha3.EnvoyFilter_Patch_Operation
	value     proto.Message
}

// chainPatches say in Istio's words what bootstrap.Gateway says in Envoy's. The
// article's way to patch tcp_proxy, without port and selector, would rewrite
// every gateway of the mesh.
func (r *renderer) chainPatches() ([]*networkingv1alpha3.EnvoyFilter_EnvoyConfigObjectPatch, error) {
	gateway := r.gatewayUnderAgent().StaticResources
	listener := gateway.Listeners[0]
	all := []patch{
		{networkingv1alpha3.EnvoyFilter_LISTENER, r.atListener(), networkingv1alpha3.EnvoyFilter_Patch_MERGE, listenerPatch(listener)},
		// Before istiod's tls_inspector, where nobody knows yet who it is.
		{networkingv1alpha3.EnvoyFilter_LISTENER_FILTER, r.atListener(), networkingv1alpha3.EnvoyFilter_Patch_INSERT_FIRST,
			listener.ListenerFilters[0]},
	}
	filters := listener.FilterChains[0].Filters
	proxy := len(filters) - 1
	for _, filter := range filters[:proxy] {
		if r.PolicyBy == ByECDS && bootstrap.IsPolicyFilter(filter) {
			filter = bootstrap.DiscoveredPolicyFilter()
		}
		all = append(all, patch{networkingv1alpha3.EnvoyFilter_NETWORK_FILTER, r.atTCPProxy(),
			networkingv1alpha3.EnvoyFilter_Patch_INSERT_BEFORE, filter})
	}
	all = append(all, patch{networkingv1alpha3.EnvoyFilter_NETWORK_FILTER, r.atTCPProxy(), networkingv1alpha3.EnvoyFilter_Patch_MERGE, filters[proxy]})
	for _, cluster := range gateway.Clusters {
		all = append(all, patch{networkingv1alpha3.EnvoyFilter_CLUSTER, atGateway(), networkingv1alpha3.EnvoyFilter_Patch_ADD, cluster})
	}
	return rendered(all)
}

func rendered(all []patch) (patches []*networkingv1alpha3.EnvoyFilter_EnvoyConfigObjectPatch, err error) {
	for _, p := range all {
		value, err := patchValue(p.value)
		if err != nil {
			return nil, err
		}
		patches = append(patches, &networkingv1alpha3.EnvoyFilter_EnvoyConfigObjectPatch{
			ApplyTo: p.to, Match: p.match,
			Patch: &networkingv1alpha3.EnvoyFilter_Patch{Operation: p.operation, Value: value},
		})
	}
	return patches, nil
}

// listenerPatch has what bootstrap.Gateway gives its listener and istiod does
// not. istiod adds the tls_inspector by itself, since the outer TLS has ALPN.
func listenerPatch(full *listenerv3.Listener) *listenerv3.Listener {
	return &listenerv3.Listener{
		AccessLog:                     full.AccessLog,
		ListenerFiltersTimeout:        full.ListenerFiltersTimeout, // istiod's is 15 s
		PerConnectionBufferLimitBytes: full.PerConnectionBufferLimitBytes,
		TcpKeepalive:                  full.TcpKeepalive,
	}
}

func atGateway() *networkingv1alpha3.EnvoyFilter_EnvoyConfigObjectMatch {
	return &networkingv1alpha3.EnvoyFilter_EnvoyConfigObjectMatch{Context: networkingv1alpha3.EnvoyFilter_GATEWAY}
}

func (r *renderer) atListener() *networkingv1alpha3.EnvoyFilter_EnvoyConfigObjectMatch {
	m := atGateway()
	m.ObjectTypes = &networkingv1alpha3.EnvoyFilter_EnvoyConfigObjectMatch_Listener{
		Listener: &networkingv1alpha3.EnvoyFilter_ListenerMatch{PortNumber: uint32(r.Port)},
	}
	return m
}

func (r *renderer) atTCPProxy() *networkingv1alpha3.EnvoyFilter_EnvoyConfigObjectMatch {
	m := r.atListener()
	m.GetListener().FilterChain = &networkingv1alpha3.EnvoyFilter_ListenerMatch_FilterChainMatch{
		Filter: &networkingv1alpha3.EnvoyFilter_ListenerMatch_FilterMatch{Name: "envoy.filters.network.tcp_proxy"},
	}
	return m
}

// patchValue returns m as EnvoyFilter has it, after bootstrap.Validate.
func patchValue(m proto.Message) (*structpb.Struct, error) {
	if err := bootstrap.Validate(m); err != nil {
		return nil, err
	}
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return nil, err
	}
	value := &structpb.Struct{}
	return value, protojson.Unmarshal(text, value)
}
