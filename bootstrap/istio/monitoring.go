package istio

import "k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

// metricsPort is where Istio's agent has its own metrics and its Envoy's.
const metricsPort, metricsPortName = 15020, "http-metrics"

// PodMonitor is the operator's object. Its module would bring more than is needed.
type PodMonitor struct{ unstructured.Unstructured }

// podMonitor tells the Prometheus operator of the gateway's pods.
func (r *renderer) podMonitor() []object {
	if !r.Monitoring {
		return nil
	}
	port, labels := metricsPortName, map[string]any{}
	if r.DataPlane == AmbientPlane {
		port = "health"
	}
	for key, value := range r.selector() {
		labels[key] = value
	}
	return []object{{comment: "Has the Prometheus operator scrape the gateway's pods.", value: &PodMonitor{unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitor",
		"metadata": map[string]any{"name": r.Name, "namespace": r.Namespace, "labels": labels},
		"spec": map[string]any{
			"selector":            map[string]any{"matchLabels": labels},
			"podMetricsEndpoints": []any{map[string]any{"port": port, "path": "/stats/prometheus", "interval": "15s"}},
		},
	}}}}}
}
