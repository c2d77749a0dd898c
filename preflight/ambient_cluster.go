package preflight

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// AmbientCluster is what the cluster around a gateway behind ztunnel says.
type AmbientCluster struct {
	Cluster  // namespaces and NetworkPolicies
	gateways []gatewayv1.Gateway
	services []corev1.Service
	entries  []ambientObject // ServiceEntries
	mtls     []ambientObject // PeerAuthentications
	access   []ambientObject // AuthorizationPolicies
	pods     []corev1.Pod    // of the gateway
	apps     []corev1.Pod    // of the applications' namespaces
}

// ambientObject is one of Istio's, with what the checks need of its kind.
type ambientObject struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Hosts            []string           `json:"hosts"`
		Addresses        []string           `json:"addresses"`
		Resolution       string             `json:"resolution"`
		Endpoints        []json.RawMessage  `json:"endpoints"`
		WorkloadSelector *workloadSelector  `json:"workloadSelector"`
		TargetRef        *targetRef         `json:"targetRef"`
		TargetRefs       []targetRef        `json:"targetRefs"`
		MTLS             mtlsMode           `json:"mtls"`
		PortLevelMTLS    map[int32]mtlsMode `json:"portLevelMtls"`
		Selector         *struct {
			MatchLabels map[string]string `json:"matchLabels"`
		} `json:"selector"`
	} `json:"spec"`
	Status struct {
		Conditions []metav1.Condition `json:"conditions"`
	} `json:"status"`
}

type targetRef struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

type mtlsMode struct {
	Mode string `json:"mode"`
}

// What Istio's ambient mode calls its things.
const (
	hbonePort       = 15008
	dataPlaneLabel  = "istio.io/dataplane-mode"
	waypointLabel   = "istio.io/use-waypoint"
	gatewayLabel    = "gateway.networking.k8s.io/gateway-name"
	bindingKey      = "ambient.istio.io/waypoint-inbound-binding"
	redirectionKey  = "ambient.istio.io/redirection"
	dnsCaptureKey   = "ambient.istio.io/dns-capture"
	waypointBound   = "istio.io/WaypointBound"
	waypointMissing = "istio.io/WaypointMissing"
)

const ambientKinds = "namespaces,services,networkpolicies.networking.k8s.io,gateways.gateway.networking.k8s.io," +
	"serviceentries.networking.istio.io,peerauthentications.security.istio.io,authorizationpolicies.security.istio.io"

// ReadAmbientCluster is ReadCluster for a gateway behind ztunnel.
func ReadAmbientCluster(kubectl Kubectl, namespace, mesh string, selector map[string]string) *AmbientCluster {
	c := &AmbientCluster{Cluster: newCluster(namespace, mesh, selector, hbonePort)}
	c.err = eachItem(kubectl, c.take, "get", ambientKinds, "-A")
	if c.err == nil {
		c.err = eachItem(kubectl, into(&c.pods), "get", "pods", "-n", namespace, "-l", labels.Set(selector).String())
	}
	for _, n := range c.applications() {
		if _, there := c.namespaces[n]; there && c.err == nil {
			c.err = eachItem(kubectl, into(&c.apps), "get", "pods", "-n", n)
		}
	}
	c.pods, c.apps = slices.DeleteFunc(c.pods, ended), slices.DeleteFunc(c.apps, ended)
	return c
}

func (c *AmbientCluster) take(item []byte) error {
	var head metav1.TypeMeta
	if err := json.Unmarshal(item, &head); err != nil {
		return err
	}
	switch head.Kind {
	case "Gateway":
		return into(&c.gateways)(item)
	case "Service":
		return into(&c.services)(item)
	case "ServiceEntry":
		return into(&c.entries)(item)
	case "PeerAuthentication":
		return into(&c.mtls)(item)
	case "AuthorizationPolicy":
		return into(&c.access)(item)
	}
	return c.Cluster.take(item)
}

func (o *ambientObject) String() string { return fmt.Sprintf("%s %s/%s", o.Kind, o.Namespace, o.Name) }

// belongs says whether an object is one of the gateway's.
func (c *AmbientCluster) belongs(o metav1.ObjectMeta) bool {
	return len(c.selector) > 0 && o.Namespace == c.namespace && matchLabels(c.selector, o.Labels)
}

// applications are the namespaces that have a NetworkPolicy of the gateway's; where
// none has one, all that are ambient.
func (c *AmbientCluster) applications() []string {
	var named, all []string
	for _, p := range c.policies {
		if p.Namespace != c.namespace && len(c.selector) > 0 && matchLabels(c.selector, p.Labels) {
			named = append(named, p.Namespace)
		}
	}
	for name, n := range c.namespaces {
		if name != c.namespace && name != c.mesh && isAmbient(n.Labels) {
			all = append(all, name)
		}
	}
	if len(named) > 0 {
		all = named
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func matchLabels(selector, of map[string]string) bool {
	return labels.SelectorFromSet(selector).Matches(labels.Set(of))
}

func isAmbient(of map[string]string) bool { return of[dataPlaneLabel] == "ambient" }

// VIPs are the addresses that ztunnel's DNS answers for the gateway's hosts.
func (c *AmbientCluster) VIPs() (vips []netip.Addr) {
	for _, o := range c.entries {
		for _, text := range o.Spec.Addresses {
			if a, err := netip.ParseAddr(text); err == nil && c.belongs(o.ObjectMeta) {
				vips = append(vips, a)
			}
		}
	}
	return vips
}

// Hosts are those that the gateway's ServiceEntry names.
func (c *AmbientCluster) Hosts() (hosts []string) {
	for _, o := range c.entries {
		if c.belongs(o.ObjectMeta) {
			hosts = append(hosts, o.Spec.Hosts...)
		}
	}
	return hosts
}
