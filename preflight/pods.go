package preflight

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

const proxyContainer = "istio-proxy" // Istio's name for it

// checkPods looks for pods of the applications that nothing leads to the
// gateway, all the time or while they start.
func checkPods(c *Cluster) (string, error) {
	var found []string
	for i := range c.pods {
		pod := &c.pods[i]
		if fault := sidecarFault(&pod.Spec); fault != "" {
			found = append(found, fmt.Sprintf("pod %s/%s %s", pod.Namespace, pod.Name, fault))
		}
	}
	return fmt.Sprintf("%d, each has its sidecar before it starts", len(c.pods)), some(found)
}

// sidecarFault says what is wrong with the sidecar of a pod. As an init
// container, which it is from Kubernetes 1.33 on, it is there before the
// application. As one container of several it is if the others wait for it.
func sidecarFault(pod *corev1.PodSpec) string {
	isProxy := func(c corev1.Container) bool { return c.Name == proxyContainer }
	if slices.ContainsFunc(pod.InitContainers, isProxy) {
		return ""
	}
	at := slices.IndexFunc(pod.Containers, isProxy)
	switch {
	case at < 0:
		return "has no sidecar"
	case pod.Containers[at].Lifecycle == nil || pod.Containers[at].Lifecycle.PostStart == nil:
		return "starts its application before its sidecar can serve"
	}
	return ""
}
