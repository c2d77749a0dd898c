package preflight

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// place is where pods must get to.
type place struct {
	name      string
	namespace string
	pods      map[string]string // their labels
	protocol  corev1.Protocol
	port      int32
}

// checkNetworkPolicies asks whether pods of the applications, and the gateway's
// own, still get to what they can not do without: DNS first.
func checkNetworkPolicies(c *Cluster) (string, error) {
	dns := place{"DNS (kube-system, k8s-app=kube-dns, UDP 53)", "kube-system", map[string]string{"k8s-app": "kube-dns"}, corev1.ProtocolUDP, 53}
	istiod := place{"istiod (port 15012)", c.mesh, map[string]string{"app": "istiod"}, corev1.ProtocolTCP, 15012}
	gateway := place{fmt.Sprintf("the gateway (port %d)", c.port), c.namespace, c.selector, corev1.ProtocolTCP, int32(c.port)}
	found := c.cutOff(c.applications(), dns, istiod, gateway)
	return "DNS, istiod and the gateway can be reached", some(found)
}

// cutOff says from where a place can not be reached: from pods of the applications'
// namespaces, or, but for the last place, which is the gateway itself, from the gateway's own.
func (c *Cluster) cutOff(applications []string, places ...place) (found []string) {
	look := func(namespace string, pods map[string]string, places []place) {
		for _, p := range places {
			if c.cut(namespace, pods, p) {
				found = append(found, fmt.Sprintf("pods of %s do not get to %s", namespace, p.name))
			}
		}
	}
	for _, n := range applications {
		look(n, nil, places)
	}
	look(c.namespace, c.selector, places[:len(places)-1])
	return found
}

// cut says whether the policies that hold for pods with these labels leave a
// place out. Policies for some pods of a namespace are not looked at when the
// labels are not known.
func (c *Cluster) cut(namespace string, pods map[string]string, to place) bool {
	restricted := false
	for _, p := range c.policies {
		if p.Namespace != namespace || !slices.Contains(p.Spec.PolicyTypes, networkv1.PolicyTypeEgress) || !matches(&p.Spec.PodSelector, pods) {
			continue
		}
		restricted = true
		for _, rule := range p.Spec.Egress {
			if c.allows(rule, namespace, to) {
				return false
			}
		}
	}
	return restricted
}

func (c *Cluster) allows(rule networkv1.NetworkPolicyEgressRule, from string, to place) bool {
	port := len(rule.Ports) == 0 || slices.ContainsFunc(rule.Ports, func(p networkv1.NetworkPolicyPort) bool {
		protocol := corev1.ProtocolTCP
		if p.Protocol != nil {
			protocol = *p.Protocol
		}
		switch {
		case protocol != to.protocol:
			return false
		case p.Port == nil, p.Port.Type == intstr.String: // a name is one of the pods there, which are not looked at
			return true
		case p.EndPort != nil:
			return p.Port.IntVal <= to.port && to.port <= *p.EndPort
		}
		return p.Port.IntVal == to.port
	})
	return port && (len(rule.To) == 0 || slices.ContainsFunc(rule.To, func(peer networkv1.NetworkPolicyPeer) bool {
		switch {
		case peer.IPBlock != nil: // pods are told by their labels; all addresses have them, too
			return peer.IPBlock.CIDR == "0.0.0.0/0" && len(peer.IPBlock.Except) == 0
		case peer.NamespaceSelector == nil && from != to.namespace:
			return false
		case peer.NamespaceSelector != nil && !matches(peer.NamespaceSelector, c.namespaces[to.namespace].Labels):
			return false
		}
		return peer.PodSelector == nil || matches(peer.PodSelector, to.pods)
	}))
}

func matches(selector *metav1.LabelSelector, of map[string]string) bool {
	s, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && s.Matches(labels.Set(of))
}
