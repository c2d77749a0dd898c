package istio

import (
	"fmt"
	"strings"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// service has a port for each that the policy knows: the sidecar writes the
// port's number into the outer server name, which tells the gateway where to.
func (r *renderer) service() object {
	var ports []corev1.ServicePort
	for _, p := range r.traffic.ports {
		ports = append(ports, corev1.ServicePort{
			Name: fmt.Sprintf("tls-%d", p), Protocol: corev1.ProtocolTCP,
			Port: int32(p), TargetPort: intstr.FromInt32(int32(r.Port)),
		})
	}
	meta := r.meta(r.Name)
	meta.Annotations = map[string]string{"networking.istio.io/exportTo": strings.Join(r.exportTo(), ",")}
	return object{comment: "Where the sidecars find the gateway: a port for each of the policy, all to the one listener.", value: &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: meta,
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, Selector: r.selector(), Ports: ports},
	}}
}

func (r *renderer) autoscaler() object {
	cpu, quiet := resource.MustParse("1400m"), int32(drainTime/time.Second) // 70 % of the two workers
	return object{comment: "As many pods as the CPU needs. It takes pods away slowly: connections are long.", value: &autoscalingv2.HorizontalPodAutoscaler{
		TypeMeta:   metav1.TypeMeta{APIVersion: "autoscaling/v2", Kind: "HorizontalPodAutoscaler"},
		ObjectMeta: r.meta(r.Name),
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: r.Name},
			MinReplicas:    &r.Replicas,
			MaxReplicas:    r.MaxReplicas,
			Metrics: []autoscalingv2.MetricSpec{{
				Type: autoscalingv2.ResourceMetricSourceType,
				Resource: &autoscalingv2.ResourceMetricSource{Name: "cpu", Target: autoscalingv2.MetricTarget{
					Type: autoscalingv2.AverageValueMetricType, AverageValue: &cpu,
				}},
			}},
			Behavior: &autoscalingv2.HorizontalPodAutoscalerBehavior{
				ScaleDown: &autoscalingv2.HPAScalingRules{
					StabilizationWindowSeconds: &quiet,
					Policies:                   []autoscalingv2.HPAScalingPolicy{{Type: autoscalingv2.PodsScalingPolicy, Value: 1, PeriodSeconds: quiet}},
				},
			},
		},
	}}
}

func (r *renderer) disruptionBudget() object {
	one := intstr.FromInt32(1)
	return object{comment: "Drains of nodes take one pod at a time.", value: &policyv1.PodDisruptionBudget{
		TypeMeta:   metav1.TypeMeta{APIVersion: "policy/v1", Kind: "PodDisruptionBudget"},
		ObjectMeta: r.meta(r.Name),
		Spec: policyv1.PodDisruptionBudgetSpec{
			MaxUnavailable: &one,
			Selector:       &metav1.LabelSelector{MatchLabels: r.selector()},
		},
	}}
}
