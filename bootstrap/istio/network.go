package istio

import (
	corev1 "k8s.io/api/core/v1"
	networkv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const namespaceLabel = "kubernetes.io/metadata.name" // set by Kubernetes itself

// networkPolicies close the ways round the gateway. A sidecar is no security
// boundary: a pod can get past its own.
func (r *renderer) networkPolicies() []object {
	objects := []object{r.gatewayNetwork()}
	for _, n := range r.AppNamespaces {
		objects = append(objects, r.appNetwork(n))
	}
	return objects
}

// gatewayNetwork lets applications in, and out what the policy can allow.
func (r *renderer) gatewayNetwork() object {
	var out []networkv1.NetworkPolicyPort
	for _, p := range r.traffic.ports {
		out = append(out, tcp(p))
	}
	var apps []networkv1.NetworkPolicyPeer
	for _, n := range r.AppNamespaces {
		apps = append(apps, namespacePeer(n))
	}
	return r.networkPolicy(
		"Into the gateway: the applications' namespaces, and who reads metrics. Out of it: the policy's ports at\n"+
			"addresses that the guard leaves, DNS, istiod. Add what else the proxy talks to, such as a collector\n"+
			"of traces.",
		r.Name, r.Namespace, metav1.LabelSelector{MatchLabels: r.selector()},
		[]networkv1.NetworkPolicyIngressRule{
			{From: apps, Ports: []networkv1.NetworkPolicyPort{tcp(r.Port)}},
			{Ports: []networkv1.NetworkPolicyPort{tcp(15020), tcp(15021), tcp(15090)}},
		},
		[]networkv1.NetworkPolicyEgressRule{{To: r.reachableAddresses(), Ports: out}, dnsRule(), r.istiodRule()},
	)
}

// appNetwork leaves a namespace's pods one way out of the mesh.
func (r *renderer) appNetwork(namespace string) object {
	gateway := namespacePeer(r.Namespace)
	gateway.PodSelector = &metav1.LabelSelector{MatchLabels: r.selector()}
	return r.networkPolicy(
		"Out of these pods: the gateway, DNS, istiod, each other; nothing else, UDP 443 (QUIC) included, so that\n"+
			"clients fall back to TCP. Add the namespaces in the cluster that they need.",
		r.Name+"-only", namespace, metav1.LabelSelector{},
		nil,
		[]networkv1.NetworkPolicyEgressRule{
			{To: []networkv1.NetworkPolicyPeer{gateway}, Ports: []networkv1.NetworkPolicyPort{tcp(r.Port)}},
			dnsRule(), r.istiodRule(),
			{To: []networkv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{}}}},
		},
	)
}

func (r *renderer) networkPolicy(about, name, namespace string, pods metav1.LabelSelector,
	in []networkv1.NetworkPolicyIngressRule, out []networkv1.NetworkPolicyEgressRule) object {
	meta := r.meta(name)
	meta.Namespace = namespace
	types := []networkv1.PolicyType{networkv1.PolicyTypeEgress}
	if in != nil {
		types = append(types, networkv1.PolicyTypeIngress)
	}
	return object{comment: about, value: &networkv1.NetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"},
		ObjectMeta: meta,
		Spec:       networkv1.NetworkPolicySpec{PodSelector: pods, PolicyTypes: types, Ingress: in, Egress: out},
	}}
}

// reachableAddresses are those that the address guard leaves.
func (r *renderer) reachableAddresses() []networkv1.NetworkPolicyPeer {
	var peers []networkv1.NetworkPolicyPeer
	for _, reachable := range r.Network.Guard.Reachable() {
		block := &networkv1.IPBlock{CIDR: reachable.String()}
		for _, p := range reachable.Except {
			block.Except = append(block.Except, p.String())
		}
		peers = append(peers, networkv1.NetworkPolicyPeer{IPBlock: block})
	}
	return peers
}

func dnsRule() networkv1.NetworkPolicyEgressRule {
	udp, port := corev1.ProtocolUDP, intstr.FromInt32(53)
	server := namespacePeer("kube-system")
	server.PodSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"k8s-app": "kube-dns"}}
	return networkv1.NetworkPolicyEgressRule{
		To:    []networkv1.NetworkPolicyPeer{server},
		Ports: []networkv1.NetworkPolicyPort{{Protocol: &udp, Port: &port}, tcp(53)},
	}
}

func (r *renderer) istiodRule() networkv1.NetworkPolicyEgressRule {
	istiod := namespacePeer(r.IstioNamespace)
	istiod.PodSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "istiod"}}
	return networkv1.NetworkPolicyEgressRule{
		To:    []networkv1.NetworkPolicyPeer{istiod},
		Ports: []networkv1.NetworkPolicyPort{tcp(15012)},
	}
}

func namespacePeer(name string) networkv1.NetworkPolicyPeer {
	return networkv1.NetworkPolicyPeer{
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{namespaceLabel: name}},
	}
}

func tcp(port uint16) networkv1.NetworkPolicyPort {
	protocol, number := corev1.ProtocolTCP, intstr.FromInt32(int32(port))
	return networkv1.NetworkPolicyPort{Protocol: &protocol, Port: &number}
}
