package istio

import (
	"net/netip"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"wildcard-egress/bootstrap"
)

// Options say where and how the gateway runs. Start from DefaultOptions.
type Options struct {
	Name           string   // of the gateway: Service, Deployment, Gateway, ...
	Namespace      string   // the gateway's own
	AppNamespaces  []string // whose pods must go through the gateway
	IstioNamespace string   // where istiod runs
	ClusterDomain  string
	Revision       string // of istiod; empty: the default one
	Image          string // with the module: the proxy itself, or what is mounted
	PolicyEditors  string // the group that may change the policy
	Replicas       int32  // at least
	MaxReplicas    int32
	Port           uint16 // the gateway's listener
	DataPlane      DataPlane
	// VIP is the address that ztunnel's DNS gives for the policy's hosts, of the
	// ambient data plane: another for each gateway.
	VIP      netip.Addr
	PolicyBy PolicyBy
	API      API
	Delivery Delivery
	// Cover is how wide the hosts are that Istio is told.
	Cover Cover
	// Without has the parts that are left out.
	Without []Part
	// StrictNetwork leaves the applications' pods the gateway, DNS, istiod and
	// each other, and not the rest of the cluster.
	StrictNetwork bool
	// AllowEgress and GatewayAllowEgress are further destinations, of the
	// applications' pods and of the gateway's.
	AllowEgress, GatewayAllowEgress []Destination
	// IPv6 is for a cluster whose pods have no IPv4 addresses, or both.
	IPv6 bool
	// NoEnvoyFilter puts the listener into the bootstrap of the gateway, for
	// clusters that forbid EnvoyFilter.
	NoEnvoyFilter bool
	// Monitoring has a PodMonitor for the Prometheus operator.
	Monitoring bool
	Network    bootstrap.Network
}

// PolicyBy is how the policy reaches the gateway.
type PolicyBy string

// The ways of the policy.
const (
	ByConfigMap PolicyBy = "configmap" // a mounted file, which the module watches
	ByECDS      PolicyBy = "ecds"      // an EnvoyFilter of its own, by xDS
)

// Cover is how wide the hosts are that the sidecars send to the gateway, which
// decides on each connection in any case. Each host is a filter chain for each
// port in every sidecar.
type Cover string

// The covers.
const (
	CoverHost     Cover = "host"      // as narrow as Istio can say
	CoverDomain   Cover = "domain"    // all names below the registrable domain, and that itself if it is listed
	CoverTopLevel Cover = "top-level" // all names below the last label
)

// API is what describes the gateway's listener to Istio.
type API string

// The APIs.
const (
	IstioAPI   API = "istio"   // networking.istio.io Gateway
	GatewayAPI API = "gateway" // gateway.networking.k8s.io Gateway and TCPRoute
)

// Delivery is how the module reaches the gateway's pods.
type Delivery string

// The deliveries.
const (
	InImage Delivery = "image" // Image is the proxy with the module in it
	ByMount Delivery = "mount" // Image is mounted into Istio's own proxy image
)

// DefaultOptions are for applications in the namespace default. The names are
// not those of the article "Routing egress traffic to wildcard destinations"
// (istio.io, 2023), so that both can stand side by side.
func DefaultOptions() Options {
	return Options{
		Name:           "wildcard-egress",
		Namespace:      "wildcard-egress",
		AppNamespaces:  []string{"default"},
		IstioNamespace: "istio-system",
		ClusterDomain:  "cluster.local",
		Image:          "wildcard-egress:dev",
		PolicyEditors:  "wildcard-egress-policy-editors",
		Replicas:       2,
		MaxReplicas:    10,
		Port:           8443,
		DataPlane:      SidecarPlane,
		VIP:            netip.MustParseAddr("240.250.88.1"),
		Cover:          CoverHost,
		PolicyBy:       ByConfigMap,
		API:            IstioAPI,
		Delivery:       InImage,
		Network:        bootstrap.DefaultNetwork(),
	}
}

// listen is the gateway's listener, as istiod makes it of a Gateway.
func (o Options) listen() netip.AddrPort {
	if o.IPv6 {
		return netip.AddrPortFrom(netip.IPv6Unspecified(), o.Port)
	}
	return netip.AddrPortFrom(netip.IPv4Unspecified(), o.Port)
}

// host is the gateway's Service.
func (o Options) host() string { return o.Name + "." + o.Namespace + ".svc." + o.ClusterDomain }

// selector finds the gateway's pods, and in no other namespace any: Istio
// applies a Gateway to pods of all namespaces.
func (o Options) selector() map[string]string {
	return map[string]string{
		"app.kubernetes.io/name":     "wildcard-egress",
		"app.kubernetes.io/instance": o.Namespace + "." + o.Name,
	}
}

func (o Options) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: o.Namespace, Labels: o.selector()}
}

// appMeta is of an object in an application's namespace: its name is the
// gateway's full one, so that several gateways get along there.
func (o Options) appMeta(namespace string) metav1.ObjectMeta {
	meta := o.meta(o.Name + "." + o.Namespace)
	meta.Namespace = namespace
	return meta
}

func (o Options) policyName() string { return o.Name + "-policy" }
