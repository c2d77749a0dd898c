package preflight

import (
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// eachPod asks of each of the gateway's pods what is wrong with it.
func (c *AmbientCluster) eachPod(wrong func(p *corev1.Pod) string) (string, error) {
	if len(c.pods) == 0 {
		return "", errors.New("the gateway has no pods")
	}
	var found []string
	for i := range c.pods {
		if fault := wrong(&c.pods[i]); fault != "" {
			found = append(found, c.pods[i].Name+" "+fault)
		}
	}
	return fmt.Sprintf("%d pods", len(c.pods)), some(found)
}

func checkRedirected(c *AmbientCluster) (string, error) {
	g, err := c.waypoint()
	if err != nil {
		return "", err
	}
	return c.eachPod(func(p *corev1.Pod) string {
		if name := p.Labels[gatewayLabel]; name != g.Name {
			return fmt.Sprintf("has the label %s=%s: without %s it is no pod of the waypoint", gatewayLabel, name, g.Name)
		}
		return c.notRedirected(p)
	})
}

// notRedirected says why no ztunnel takes what comes to and from a pod; empty: one does.
func (c *AmbientCluster) notRedirected(p *corev1.Pod) string {
	mode, own := p.Labels[dataPlaneLabel]
	switch {
	case own && mode != "ambient":
		return fmt.Sprintf("has the label %s=%s", dataPlaneLabel, mode)
	case !own && !isAmbient(c.namespaces[p.Namespace].Labels):
		return fmt.Sprintf("and its namespace lack the label %s=ambient", dataPlaneLabel)
	case p.Annotations["sidecar.istio.io/status"] != "":
		return "has a sidecar, which ztunnel leaves alone"
	case p.Spec.HostNetwork:
		return "is on the node's network, which ztunnel leaves alone"
	case p.Annotations[redirectionKey] != "enabled":
		return fmt.Sprintf("has no %s: enabled, which istio-cni sets", redirectionKey)
	}
	return ""
}

func checkDNSCapture(c *AmbientCluster) (string, error) {
	return c.eachPod(func(p *corev1.Pod) string {
		if p.Annotations[dnsCaptureKey] != "false" {
			return fmt.Sprintf("has %s %q: want false", dnsCaptureKey, p.Annotations[dnsCaptureKey])
		}
		return ""
	})
}

// checkAlone looks for who else is on the loopback of a gateway's pod. Containers
// that have ended before it started can not be.
func checkAlone(c *AmbientCluster) (string, error) {
	return c.eachPod(func(p *corev1.Pod) string {
		if p.Spec.HostNetwork {
			return "is on the node's network"
		}
		for _, beside := range slices.Concat(p.Spec.Containers, sidecarsOf(p)) {
			if beside.Name != "envoy" {
				return fmt.Sprintf("has the container %s beside envoy", beside.Name)
			}
		}
		for _, beside := range p.Spec.EphemeralContainers {
			return fmt.Sprintf("has the container %s beside envoy, of kubectl debug: end it with the pod", beside.Name)
		}
		return ""
	})
}

// sidecarsOf are the init containers that go on.
func sidecarsOf(p *corev1.Pod) (all []corev1.Container) {
	for _, c := range p.Spec.InitContainers {
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			all = append(all, c)
		}
	}
	return all
}

// checkStrict asks whether ztunnel lets plain text into the gateway's pods. Health
// and metrics may have it.
func checkStrict(c *AmbientCluster) (string, error) {
	var found []string
	strict := ""
	for i := range c.mtls {
		o := &c.mtls[i]
		if o.Namespace != c.namespace || o.Spec.Selector == nil || !matchLabels(o.Spec.Selector.MatchLabels, c.selector) {
			continue // those of namespaces and of the mesh count for less
		}
		if o.Spec.MTLS.Mode == "STRICT" {
			strict = o.Name
		} else {
			found = append(found, fmt.Sprintf("%s is %s for the gateway's pods", o, o.Spec.MTLS.Mode))
		}
		for port, mode := range o.Spec.PortLevelMTLS {
			if port == hbonePort || port == int32(c.listen()) {
				found = append(found, fmt.Sprintf("%s is %s for port %d", o, mode.Mode, port))
			}
		}
	}
	if strict == "" {
		found = append(found, "no PeerAuthentication STRICT has a selector for the gateway's pods")
	}
	return strict, some(found)
}

// checkAccess looks for AuthorizationPolicies that istiod takes for a waypoint's,
// and that ztunnel does not look at.
func checkAccess(c *AmbientCluster) (string, error) {
	var found []string
	for i := range c.access {
		o := &c.access[i]
		refs := o.Spec.TargetRefs
		if o.Spec.TargetRef != nil {
			refs = append(slices.Clone(refs), *o.Spec.TargetRef)
		}
		for _, ref := range refs {
			if o.Namespace == c.namespace && c.isOurs(ref) {
				found = append(found, fmt.Sprintf("%s is for %s %s by targetRefs: it holds for nobody", o, ref.Kind, ref.Name))
			}
		}
	}
	return "none that holds for nobody", some(found)
}

// isOurs says whether a reference is to the gateway's Gateway, or to what is behind it.
func (c *AmbientCluster) isOurs(ref targetRef) bool {
	switch ref.Kind {
	case "Gateway":
		g, err := c.waypoint()
		return err == nil && g.Name == ref.Name
	case "ServiceEntry":
		return slices.ContainsFunc(c.entries, func(o ambientObject) bool { return c.belongs(o.ObjectMeta) && o.Name == ref.Name })
	case "Service":
		return slices.ContainsFunc(c.services, func(s corev1.Service) bool { return c.belongs(s.ObjectMeta) && s.Name == ref.Name })
	}
	return false
}
