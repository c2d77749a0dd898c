package istio

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/distribution/reference"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

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
	PolicyBy       PolicyBy
	API            API
	Delivery       Delivery
	// NoEnvoyFilter puts the listener into the bootstrap of the gateway, for
	// clusters that forbid EnvoyFilter.
	NoEnvoyFilter bool
	Network       bootstrap.Network
}

// PolicyBy is how the policy reaches the gateway.
type PolicyBy string

// The ways of the policy.
const (
	ByConfigMap PolicyBy = "configmap" // a mounted file, which the module watches
	ByECDS      PolicyBy = "ecds"      // an EnvoyFilter of its own, by xDS
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

// DefaultOptions are those of the article "Routing egress traffic to wildcard
// destinations" (istio.io, 2023), for applications in the namespace default.
func DefaultOptions() Options {
	return Options{
		Name:           "egressgateway",
		Namespace:      "istio-egress",
		AppNamespaces:  []string{"default"},
		IstioNamespace: "istio-system",
		ClusterDomain:  "cluster.local",
		Image:          "wildcard-egress:dev",
		PolicyEditors:  "wildcard-egress-policy-editors",
		Replicas:       2,
		MaxReplicas:    10,
		Port:           8443,
		PolicyBy:       ByConfigMap,
		API:            IstioAPI,
		Delivery:       InImage,
		Network:        bootstrap.DefaultNetwork(),
	}
}

// Validate returns all mistakes, each beginning with the flag of the command
// line that sets it. Names are checked by the rules of Kubernetes.
func (o Options) Validate() error {
	var faults []error
	fault := func(flag, value string, problems ...string) {
		if len(problems) > 0 {
			faults = append(faults, fmt.Errorf("--%s %q: %s", flag, value, strings.Join(problems, "; ")))
		}
	}
	fault("name", o.Name, validation.IsDNS1035Label(o.Name)...)
	fault("namespace", o.Namespace, validation.IsDNS1123Label(o.Namespace)...)
	fault("istio-namespace", o.IstioNamespace, validation.IsDNS1123Label(o.IstioNamespace)...)
	fault("cluster-domain", o.ClusterDomain, validation.IsDNS1123Subdomain(o.ClusterDomain)...)
	if len(o.AppNamespaces) == 0 {
		fault("app-namespace", "", "name at least one namespace whose pods use the gateway")
	}
	for i, n := range o.AppNamespaces {
		fault("app-namespace", n, validation.IsDNS1123Label(n)...)
		switch {
		case n == o.Namespace:
			fault("app-namespace", n, "that is the gateway's own: it has rules of its own")
		case slices.Contains(o.AppNamespaces[:i], n):
			fault("app-namespace", n, "named twice")
		}
	}
	if len(o.Namespace)+len(o.Name) >= validation.LabelValueMaxLength {
		fault("name", o.Name, fmt.Sprintf("with the namespace it is longer than %d bytes", validation.LabelValueMaxLength-1))
	}
	fault("revision", o.Revision, validation.IsValidLabelValue(o.Revision)...)
	if _, err := reference.ParseNormalizedNamed(o.Image); err != nil {
		fault("image", o.Image, err.Error())
	}
	if o.PolicyEditors == "" || strings.ContainsAny(o.PolicyEditors, "\r\n") {
		fault("policy-editors", o.PolicyEditors, "want the name of a group")
	}
	return errors.Join(append(faults, append(o.choiceFaults(), o.Network.Validate())...)...)
}

// choiceFaults are the mistakes in numbers and in what does not go together.
func (o Options) choiceFaults() []error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	switch {
	case o.Replicas < 1:
		fault("--replicas %d: want 1 or more", o.Replicas)
	case o.MaxReplicas < o.Replicas:
		fault("--max-replicas %d: want --replicas (%d) or more", o.MaxReplicas, o.Replicas)
	}
	if o.Port < 1024 || o.Port >= 15000 && o.Port < 15100 {
		fault("--port %d: want 1024 or more, and not one of Istio's own (15000 to 15099)", o.Port)
	}
	if o.PolicyBy != ByConfigMap && o.PolicyBy != ByECDS {
		fault("--policy-by %q: want configmap or ecds", o.PolicyBy)
	}
	if o.API != IstioAPI && o.API != GatewayAPI {
		fault("--api %q: want istio or gateway", o.API)
	}
	if o.Delivery != InImage && o.Delivery != ByMount {
		fault("--delivery %q: want image or mount", o.Delivery)
	}
	if o.NoEnvoyFilter && o.PolicyBy == ByECDS {
		fault("--no-envoyfilter: --policy-by ecds is an EnvoyFilter; use configmap")
	}
	if o.NoEnvoyFilter && o.API == GatewayAPI {
		fault("--no-envoyfilter: the listener is in the bootstrap then, --api gateway has no part in it")
	}
	return faults
}

// listen is the gateway's listener, as istiod makes it of a Gateway.
func (o Options) listen() netip.AddrPort {
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

func (o Options) policyName() string { return o.Name + "-policy" }
