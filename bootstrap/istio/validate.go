package istio

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Validate returns all mistakes, each beginning with the flag of the command
// line that sets it. Names are checked by the rules of Kubernetes.
func (o Options) Validate() error {
	var faults []error
	fault := func(flag, value, problem string) {
		faults = append(faults, fmt.Errorf("--%s %q: %s", flag, value, problem))
	}
	// Kubernetes says what is wrong as a regular expression; people want an example.
	name := func(flag, value string, check func(string) []string, want string) {
		if len(check(value)) > 0 {
			fault(flag, value, "want "+want)
		}
	}
	const namespace = "a namespace: lower case letters, digits and hyphens, 63 at most, such as shop"
	name("name", o.Name, validation.IsDNS1035Label,
		"lower case letters, digits and hyphens, 63 at most, a letter first, such as wildcard-egress")
	name("namespace", o.Namespace, validation.IsDNS1123Label, namespace)
	name("istio-namespace", o.IstioNamespace, validation.IsDNS1123Label, namespace)
	name("cluster-domain", o.ClusterDomain, validation.IsDNS1123Subdomain, "a domain in lower case, such as cluster.local")
	if len(o.AppNamespaces) == 0 {
		fault("app-namespace", "", "name at least one namespace whose pods use the gateway")
	}
	for i, n := range o.AppNamespaces {
		name("app-namespace", n, validation.IsDNS1123Label, namespace)
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
	name("revision", o.Revision, validation.IsValidLabelValue, "istiod's revision, such as 1-31-0")
	if _, err := reference.ParseNormalizedNamed(o.Image); err != nil {
		fault("image", o.Image, "want an image in lower case, such as registry.example.com/wildcard-egress@sha256:…")
	}
	if o.PolicyEditors == "" || strings.ContainsAny(o.PolicyEditors, "\r\n") {
		fault("policy-editors", o.PolicyEditors, "want the name of a group")
	}
	return errors.Join(append(faults, append(append(o.choiceFaults(), o.ambientFaults()...), o.Network.Validate())...)...)
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
	if o.Cover != CoverHost && o.Cover != CoverDomain && o.Cover != CoverTopLevel {
		fault("--cover %q: want host, domain or top-level", o.Cover)
	}
	for i, part := range o.Without {
		if _, ok := leavable[part]; !ok {
			fault("--without %q: want one of %s", part, partNames())
		} else if slices.Contains(o.Without[:i], part) {
			fault("--without %q: named twice", part)
		}
	}
	if o.NoEnvoyFilter && o.PolicyBy == ByECDS {
		fault("--no-envoyfilter: --policy-by ecds is an EnvoyFilter; use configmap")
	}
	if o.NoEnvoyFilter && o.API == GatewayAPI {
		fault("--no-envoyfilter: the listener is in the bootstrap then, --api gateway has no part in it")
	}
	return faults
}
