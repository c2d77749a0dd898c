package istio_test

import (
	"bytes"
	"encoding/json"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"
	meshv1alpha1 "istio.io/api/mesh/v1alpha1"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	securityv1beta1 "istio.io/api/security/v1beta1"
	telemetryv1alpha1 "istio.io/api/telemetry/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1alpha2 "sigs.k8s.io/gateway-api/apis/v1alpha2"
	"sigs.k8s.io/yaml"

	"wildcard-egress/bootstrap"
	"wildcard-egress/bootstrap/istio"
)

// kinds has an empty object of each kind: of Istio's, the spec.
var kinds = map[string]func() any{
	"v1/Namespace":                             func() any { return &corev1.Namespace{} },
	"v1/ServiceAccount":                        func() any { return &corev1.ServiceAccount{} },
	"v1/ConfigMap":                             func() any { return &corev1.ConfigMap{} },
	"v1/Service":                               func() any { return &corev1.Service{} },
	"rbac.authorization.k8s.io/v1/Role":        func() any { return &rbacv1.Role{} },
	"rbac.authorization.k8s.io/v1/RoleBinding": func() any { return &rbacv1.RoleBinding{} },
	"apps/v1/Deployment":                       func() any { return &appsv1.Deployment{} },
	"autoscaling/v2/HorizontalPodAutoscaler":   func() any { return &autoscalingv2.HorizontalPodAutoscaler{} },
	"policy/v1/PodDisruptionBudget":            func() any { return &policyv1.PodDisruptionBudget{} },
	"networking.k8s.io/v1/NetworkPolicy":       func() any { return &networkv1.NetworkPolicy{} },
	"gateway.networking.k8s.io/v1/Gateway":     func() any { return &gatewayv1.Gateway{} },
	"gateway.networking.k8s.io/v1/TCPRoute":    func() any { return &gatewayv1alpha2.TCPRoute{} },
	"networking.istio.io/v1/Gateway":           func() any { return &networkingv1alpha3.Gateway{} },
	"networking.istio.io/v1/ServiceEntry":      func() any { return &networkingv1alpha3.ServiceEntry{} },
	"networking.istio.io/v1/DestinationRule":   func() any { return &networkingv1alpha3.DestinationRule{} },
	"networking.istio.io/v1/VirtualService":    func() any { return &networkingv1alpha3.VirtualService{} },
	"networking.istio.io/v1/Sidecar":           func() any { return &networkingv1alpha3.Sidecar{} },
	"networking.istio.io/v1alpha3/EnvoyFilter": func() any { return &networkingv1alpha3.EnvoyFilter{} },
	"security.istio.io/v1/PeerAuthentication":  func() any { return &securityv1beta1.PeerAuthentication{} },
	"monitoring.coreos.com/v1/PodMonitor":      func() any { return &podMonitor{} },
	"telemetry.istio.io/v1/Telemetry":          func() any { return &telemetryv1alpha1.Telemetry{} },
}

// podMonitor has the fields that are used of the Prometheus operator's type.
type podMonitor struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Selector            metav1.LabelSelector `json:"selector"`
		PodMetricsEndpoints []struct {
			Port     string `json:"port"`
			Path     string `json:"path"`
			Interval string `json:"interval"`
		} `json:"podMetricsEndpoints"`
	} `json:"spec"`
}

// written is an object as it was written.
type written struct {
	metav1.TypeMeta `json:",inline"`
	Metadata        metav1.ObjectMeta `json:"metadata"`
	Spec            json.RawMessage   `json:"spec"`
}

func documents(t *testing.T, m istio.Manifests) [][]byte {
	t.Helper()
	return bytes.Split(m.Stream(), []byte("\n---\n"))
}

// decode reads one document, and an unknown field anywhere is an error.
func decode(t *testing.T, text []byte) (kind string, value any) {
	t.Helper()
	var head metav1.TypeMeta
	if err := yaml.Unmarshal(text, &head); err != nil {
		t.Fatal(err)
	}
	kind = head.APIVersion + "/" + head.Kind
	empty, ok := kinds[kind]
	if !ok {
		t.Fatalf("kind %s is not known to this test", kind)
	}
	value = empty()
	spec, isIstio := value.(proto.Message)
	if !isIstio {
		if err := yaml.UnmarshalStrict(text, value); err != nil {
			t.Fatalf("%s: %v\n%s", kind, err, text)
		}
		return kind, value
	}
	var d written
	if err := yaml.UnmarshalStrict(text, &d); err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	if err := protojson.Unmarshal(d.Spec, spec); err != nil {
		t.Fatalf("%s: %v\n%s", kind, err, text)
	}
	return kind, spec
}

// specs returns the specs of all objects of a type.
func specs[T any](t *testing.T, m istio.Manifests) []T {
	t.Helper()
	var found []T
	for _, text := range documents(t, m) {
		if _, value := decode(t, text); value != nil {
			if spec, ok := value.(T); ok {
				found = append(found, spec)
			}
		}
	}
	return found
}

func TestEveryObjectIsReadStrictly(t *testing.T) {
	seen := map[string]bool{}
	for name, with := range variants {
		t.Run(name, func(t *testing.T) {
			for _, text := range documents(t, render(t, richPolicy, with)) {
				kind, value := decode(t, text)
				seen[kind] = true
				switch v := value.(type) {
				case *networkingv1alpha3.EnvoyFilter:
					for _, p := range v.ConfigPatches {
						wantEnvoyConfig(t, p)
					}
				case *appsv1.Deployment:
					if text, ok := v.Spec.Template.Annotations["proxy.istio.io/config"]; ok {
						wantProxyConfig(t, text)
					}
				case *corev1.ConfigMap:
					wantOverride(t, v)
				}
			}
		})
	}
	for kind := range kinds {
		if !seen[kind] {
			t.Errorf("no variant has a %s", kind)
		}
	}
}

// wantEnvoyConfig reads a patch as istiod does, but for istiod an unknown field
// is a warning.
func wantEnvoyConfig(t *testing.T, p *networkingv1alpha3.EnvoyFilter_EnvoyConfigObjectPatch) {
	t.Helper()
	m := patchMessage(t, p.ApplyTo)
	text, err := protojson.Marshal(p.Patch.Value)
	if err != nil {
		t.Fatal(err)
	}
	if err := protojson.Unmarshal(text, m); err != nil {
		t.Fatalf("patch of %v: %v", p.ApplyTo, err)
	}
	if err := bootstrap.Validate(m); err != nil {
		t.Errorf("patch of %v: %v", p.ApplyTo, err)
	}
	if p.Match.GetContext() != networkingv1alpha3.EnvoyFilter_GATEWAY {
		t.Errorf("patch of %v is for context %v", p.ApplyTo, p.Match.GetContext())
	}
}

func patchMessage(t *testing.T, to networkingv1alpha3.EnvoyFilter_ApplyTo) proto.Message {
	t.Helper()
	switch to {
	case networkingv1alpha3.EnvoyFilter_LISTENER:
		return &listenerv3.Listener{}
	case networkingv1alpha3.EnvoyFilter_LISTENER_FILTER:
		return &listenerv3.ListenerFilter{}
	case networkingv1alpha3.EnvoyFilter_NETWORK_FILTER:
		return &listenerv3.Filter{}
	case networkingv1alpha3.EnvoyFilter_CLUSTER:
		return &clusterv3.Cluster{}
	case networkingv1alpha3.EnvoyFilter_EXTENSION_CONFIG:
		return &corev3.TypedExtensionConfig{}
	}
	t.Fatalf("a patch of %v", to)
	return nil
}

func wantProxyConfig(t *testing.T, text string) {
	t.Helper()
	config, err := yaml.YAMLToJSON([]byte(text))
	if err == nil {
		err = protojson.UnmarshalOptions{Resolver: protoregistry.GlobalTypes}.Unmarshal(config, &meshv1alpha1.ProxyConfig{})
	}
	if err != nil {
		t.Errorf("proxy.istio.io/config: %v", err)
	}
}

func wantOverride(t *testing.T, v *corev1.ConfigMap) {
	t.Helper()
	text, ok := v.Data["custom_bootstrap.json"]
	if whole, ok := v.Data["envoy.yaml"]; ok {
		wantLoopback(t, whole)
		return
	}
	if !ok {
		if got := v.Data["policy.yaml"]; got != richPolicy+"...\n" {
			t.Errorf("ConfigMap %s: the policy is %q, want the file's bytes and the end mark", v.Name, got)
		}
		return
	}
	var b bootstrapv3.Bootstrap
	if err := protojson.Unmarshal([]byte(text), &b); err != nil {
		t.Errorf("ConfigMap %s: %v", v.Name, err)
	}
	if len(b.GetStaticResources().GetListeners()) != 1 || len(b.GetStaticResources().GetClusters()) != 1 {
		t.Errorf("ConfigMap %s: want a listener and a cluster", v.Name)
	}
}

// The article's last patch has neither selector nor port, and rewrites every
// gateway of the mesh.
func TestEnvoyFiltersReachNothingButTheGateway(t *testing.T) {
	for name, with := range variants {
		for _, text := range documents(t, render(t, richPolicy, with)) {
			kind, value := decode(t, text)
			if kind != "networking.istio.io/v1alpha3/EnvoyFilter" {
				continue
			}
			filter := value.(*networkingv1alpha3.EnvoyFilter)
			if len(filter.GetWorkloadSelector().GetLabels()) == 0 {
				t.Errorf("%s: an EnvoyFilter without workloadSelector", name)
			}
			for _, p := range filter.ConfigPatches {
				named := p.ApplyTo == networkingv1alpha3.EnvoyFilter_CLUSTER || p.ApplyTo == networkingv1alpha3.EnvoyFilter_EXTENSION_CONFIG
				if !named && p.Match.GetListener().GetPortNumber() == 0 {
					t.Errorf("%s: a patch of %v without a port", name, p.ApplyTo)
				}
			}
		}
	}
}
