package preflight

import (
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Cluster is what the cluster around a gateway says. Of Istio's objects it has
// what the checks need.
type Cluster struct {
	err       error // why nothing below is known
	namespace string
	mesh      string            // istiod's namespace, whose EnvoyFilters are for all
	selector  map[string]string // of the gateway's pods; every object of ours has it as labels
	port      uint32

	namespaces map[string]corev1.Namespace
	policies   []networkv1.NetworkPolicy
	objects    []meshObject
	pods       []corev1.Pod // of the applications' namespaces
}

// meshObject is an object of networking.istio.io.
type meshObject struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              meshSpec `json:"spec"`
}

type meshSpec struct {
	Hosts                 []string          `json:"hosts"`
	Gateways              []string          `json:"gateways"`
	ExportTo              []string          `json:"exportTo"`
	WorkloadSelector      *workloadSelector `json:"workloadSelector"`
	TargetRefs            []json.RawMessage `json:"targetRefs"`
	OutboundTrafficPolicy struct {
		Mode string `json:"mode"`
	} `json:"outboundTrafficPolicy"`
	Egress []struct {
		Hosts []string `json:"hosts"`
	} `json:"egress"`
	ConfigPatches []struct {
		ApplyTo string `json:"applyTo"`
		Match   struct {
			Context  string `json:"context"`
			Listener struct {
				PortNumber uint32 `json:"portNumber"`
			} `json:"listener"`
		} `json:"match"`
		Patch struct {
			Operation string `json:"operation"`
		} `json:"patch"`
	} `json:"configPatches"`
}

type workloadSelector struct {
	Labels map[string]string `json:"labels"`
}

const clusterKinds = "namespaces,networkpolicies.networking.k8s.io,sidecars.networking.istio.io,envoyfilters.networking.istio.io," +
	"serviceentries.networking.istio.io,virtualservices.networking.istio.io,destinationrules.networking.istio.io"

// ReadCluster gets what is around the gateway whose pods selector finds in
// namespace. What can not be read is a failure of the first check.
func ReadCluster(kubectl Kubectl, namespace, mesh string, selector map[string]string, port uint16) *Cluster {
	c := newCluster(namespace, mesh, selector, port)
	c.err = eachItem(kubectl, c.take, "get", clusterKinds, "-A")
	for _, n := range c.applications() {
		if c.err == nil {
			c.err = eachItem(kubectl, into(&c.pods), "get", "pods", "-n", n)
		}
	}
	c.pods = slices.DeleteFunc(c.pods, ended)
	return &c
}

func newCluster(namespace, mesh string, selector map[string]string, port uint16) Cluster {
	return Cluster{namespace: namespace, mesh: mesh, selector: selector, port: uint32(port), namespaces: map[string]corev1.Namespace{}}
}

// eachItem hands on what kubectl gets, item by item.
func eachItem(kubectl Kubectl, take func([]byte) error, args ...string) error {
	var list struct {
		Items []json.RawMessage `json:"items"`
	}
	err := getJSON(kubectl, &list, args...)
	for _, item := range list.Items {
		if err == nil {
			err = take(item)
		}
	}
	return err
}

func (c *Cluster) take(item []byte) error {
	var head metav1.TypeMeta
	if err := json.Unmarshal(item, &head); err != nil {
		return err
	}
	switch head.Kind {
	case "Namespace":
		var n corev1.Namespace
		err := json.Unmarshal(item, &n)
		c.namespaces[n.Name] = n
		return err
	case "NetworkPolicy":
		return into(&c.policies)(item)
	}
	return into(&c.objects)(item)
}

// into keeps each item that is read.
func into[T any](all *[]T) func([]byte) error {
	return func(item []byte) error {
		var one T
		err := json.Unmarshal(item, &one)
		*all = append(*all, one)
		return err
	}
}

func ended(p corev1.Pod) bool {
	return p.DeletionTimestamp != nil || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

func (o *meshObject) String() string {
	return fmt.Sprintf("%s %s/%s", o.Kind, o.Namespace, o.Name)
}

// ours says whether an object belongs to the gateway.
func (c *Cluster) ours(o *meshObject) bool {
	return len(c.selector) > 0 && labels.SelectorFromSet(c.selector).Matches(labels.Set(o.Labels))
}

func (c *Cluster) each(kind string, visit func(*meshObject)) {
	for i := range c.objects {
		if c.objects[i].Kind == kind {
			visit(&c.objects[i])
		}
	}
}

// applications are the namespaces that our routes are exported to.
func (c *Cluster) applications() []string {
	var all []string
	c.each("VirtualService", func(o *meshObject) {
		for _, n := range o.Spec.ExportTo {
			if c.ours(o) && n != "." && n != "*" && !slices.Contains(all, n) {
				all = append(all, n)
			}
		}
	})
	slices.Sort(all)
	return all
}
