package istio

import (
	"slices"

	networkv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	meta := r.meta(r.Name)
	return networkPolicy(
		"Into the gateway: the applications' namespaces, and who reads metrics. Out of it: the policy's ports at\n"+
			"addresses that the guard leaves, DNS, istiod. For more, such as a collector of traces: --gateway-allow-egress.",
		meta, metav1.LabelSelector{MatchLabels: r.selector()},
		[]networkv1.NetworkPolicyIngressRule{
			{From: apps, Ports: []networkv1.NetworkPolicyPort{tcp(r.Port)}},
			{Ports: []networkv1.NetworkPolicyPort{tcp(15020), tcp(15021), tcp(15090)}},
		},
		slices.Concat([]networkv1.NetworkPolicyEgressRule{{To: r.reachableAddresses(), Ports: out}, dnsRule()},
			r.istiodRules(), rulesOf(r.GatewayAllowEgress)),
	)
}

// appNetwork leaves a namespace's pods one way out of the mesh.
func (r *renderer) appNetwork(namespace string) object {
	about := "Out of these pods: whatever runs in the cluster, and DNS. Outside of it there is the gateway alone; UDP 443\n" +
		"(QUIC) is closed, so that clients fall back to TCP. For more: --allow-egress; for less: --strict-network."
	rules := []networkv1.NetworkPolicyEgressRule{
		{To: []networkv1.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{}}}}, dnsRule(),
	}
	if r.StrictNetwork {
		about = "Out of these pods: the gateway, DNS, istiod, each other; nothing else, UDP 443 (QUIC) included, so that\n" +
			"clients fall back to TCP. For more: --allow-egress."
		gateway := namespacePeer(r.Namespace)
		gateway.PodSelector = &metav1.LabelSelector{MatchLabels: r.selector()}
		rules = []networkv1.NetworkPolicyEgressRule{
			{To: []networkv1.NetworkPolicyPeer{gateway}, Ports: []networkv1.NetworkPolicyPort{tcp(r.Port)}},
			dnsRule(), {To: []networkv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{}}}},
		}
		rules = slices.Insert(rules, 2, r.istiodRules()...)
	}
	return networkPolicy(about, r.appMeta(namespace), metav1.LabelSelector{}, nil, append(rules, rulesOf(r.AllowEgress)...))
}

func networkPolicy(about string, meta metav1.ObjectMeta, pods metav1.LabelSelector,
	in []networkv1.NetworkPolicyIngressRule, out []networkv1.NetworkPolicyEgressRule) object {
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

// dnsRule has the places where clusters keep their resolvers. The addresses are
// link-local and mean nothing outside of a node; no other port is open there: at
// 169.254.169.254 a cloud has its metadata, too.
func dnsRule() networkv1.NetworkPolicyEgressRule {
	kube := namespacePeer("kube-system")
	kube.PodSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"k8s-app": "kube-dns"}} // CoreDNS has it, too
	return networkv1.NetworkPolicyEgressRule{
		To: []networkv1.NetworkPolicyPeer{
			kube,
			namespacePeer("openshift-dns"),
			{IPBlock: &networkv1.IPBlock{CIDR: "169.254.20.10/32"}},   // NodeLocal DNSCache
			{IPBlock: &networkv1.IPBlock{CIDR: "169.254.169.254/32"}}, // GKE Cloud DNS
		},
		Ports: []networkv1.NetworkPolicyPort{udp(53), tcp(53), udp(5353), tcp(5353)}, // OpenShift's pods have 5353
	}
}

// istiodRules are for pods with an agent of Istio's in them.
func (r *renderer) istiodRules() []networkv1.NetworkPolicyEgressRule {
	if r.DataPlane == AmbientPlane {
		return nil
	}
	istiod := namespacePeer(r.IstioNamespace)
	istiod.PodSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "istiod"}}
	return []networkv1.NetworkPolicyEgressRule{{
		To:    []networkv1.NetworkPolicyPeer{istiod},
		Ports: []networkv1.NetworkPolicyPort{tcp(15012)},
	}}
}

func namespacePeer(name string) networkv1.NetworkPolicyPeer {
	return networkv1.NetworkPolicyPeer{
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{namespaceLabel: name}},
	}
}
