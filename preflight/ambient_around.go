package preflight

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"wildcard-egress/bootstrap"
)

func (c *AmbientCluster) listen() uint16 { return bootstrap.AmbientListen.Port() }

// checkAmbientNamespaces asks whether ztunnel takes what the applications send.
func checkAmbientNamespaces(c *AmbientCluster) (string, error) {
	var found []string
	pods := map[string]int{}
	for _, p := range c.apps {
		pods[p.Namespace]++
	}
	for _, name := range c.applications() {
		if n, ok := c.namespaces[name]; !ok {
			found = append(found, name+" is not there")
		} else if !isAmbient(n.Labels) && pods[name] == 0 { // pods can have the label themselves
			found = append(found, fmt.Sprintf("%s lacks the label %s=ambient", name, dataPlaneLabel))
		}
	}
	for i := range c.apps {
		p := &c.apps[i]
		if why := c.notRedirected(p); why != "" {
			found = append(found, fmt.Sprintf("%s/%s %s", p.Namespace, p.Name, why))
		}
	}
	return fmt.Sprintf("%s, %s", list(c.applications()), count(len(c.apps), "pod")), some(found)
}

// checkAmbientNetwork is checkNetworkPolicies for this data plane: ztunnel answers
// DNS itself, and asks the cluster's for the pod.
func checkAmbientNetwork(c *AmbientCluster) (string, error) {
	dns := place{"DNS (kube-system, k8s-app=kube-dns, UDP 53)", "kube-system", map[string]string{"k8s-app": "kube-dns"}, corev1.ProtocolUDP, 53}
	gateway := place{fmt.Sprintf("the gateway (port %d)", hbonePort), c.namespace, c.selector, corev1.ProtocolTCP, hbonePort}
	found := c.cutOff(c.applications(), dns, gateway)
	return "DNS and the gateway can be reached", some(found)
}

// checkAmbientHosts looks for hosts that others list, too. ztunnel knows no
// exportTo: whose host is narrower has the name, for everybody.
func checkAmbientHosts(c *AmbientCluster) (string, error) {
	mine := map[string]bool{}
	for _, h := range c.Hosts() {
		mine[h] = true
	}
	var found []string
	for i := range c.entries {
		o := &c.entries[i]
		if c.belongs(o.ObjectMeta) {
			continue
		}
		for _, h := range o.Spec.Hosts {
			if by := coveredBy(mine, h); by != "" {
				found = append(found, fmt.Sprintf("%s has %q, which is in our %q", o, h, by))
			}
		}
	}
	return "no other ServiceEntry lists them", some(found)
}
