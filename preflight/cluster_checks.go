package preflight

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
)

const clusterAnswers = "cluster"

// clusterChecks are on what is around the gateway.
var clusterChecks = []struct {
	name, fix string
	run       func(*Cluster) (string, error)
}{
	{"exportTo", "render and apply again: without exportTo every namespace of the mesh is led to this gateway", checkExports},
	{"envoyfilters of others", "give it a workloadSelector, or a match.listener.portNumber that is not the gateway's; the article's sni-magic " +
		"needs both, or goes", checkEnvoyFilters},
	{"application namespaces", "label them for injection (istio-injection or istio.io/rev); for ambient ones render for that data plane", checkNamespaces},
	{"application pods", "start again what has no sidecar; where Kubernetes is older than 1.33 set holdApplicationUntilProxyStarts in the mesh's " +
		"proxyConfig, or in the annotation proxy.istio.io/config of the pods", checkPods},
	{"sidecars of others", "a namespace has one Sidecar for all its pods: take one away (--without sidecar leaves ours out), set " +
		"outboundTrafficPolicy.mode REGISTRY_ONLY there, and have the gateway's namespace among its egress.hosts", checkSidecars},
	{"network policies", "open it: --allow-egress and --gateway-allow-egress of ours, or an egress rule in the other's", checkNetworkPolicies},
	{"hosts of others", "take the host out of one of the two: its names may go round the gateway, or to another one", checkHosts},
}

// InspectCluster runs all checks on what is around a gateway.
func InspectCluster(c *Cluster) []Finding {
	findings := []Finding{c.answers(c.applications(), clusterKinds+"; and pods in "+list(c.applications()))}
	for _, check := range clusterChecks {
		findings = append(findings, c.finding(check.name, check.fix, func() (string, error) { return check.run(c) }))
	}
	return findings
}

// answers is the finding on whether the cluster could be read.
func (c *Cluster) answers(applications []string, kinds string) Finding {
	f := Finding{Check: clusterAnswers, Status: OK, Detail: fmt.Sprintf("%d namespaces, applications in %s", len(c.namespaces), list(applications))}
	if c.err != nil {
		f.Status, f.Detail, f.Fix = Fail, printable(c.err.Error()), "kubectl must be allowed to get these in all namespaces: "+kinds
	}
	return f
}

func (c *Cluster) finding(name, fix string, run func() (string, error)) Finding {
	f := Finding{Check: name, Status: Unknown, Detail: "needs: " + clusterAnswers}
	if c.err == nil {
		detail, err := run()
		f.Status, f.Detail = OK, printable(detail)
		if err != nil {
			f.Status, f.Detail, f.Fix = Fail, printable(err.Error()), fix
		}
	}
	return f
}

// some joins what was found; the first ones stand for the others.
func some(found []string) error {
	const shown = 5
	if len(found) == 0 {
		return nil
	}
	text := strings.Join(found[:min(len(found), shown)], "; ")
	if more := len(found) - shown; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return errors.New(text)
}

func checkExports(c *Cluster) (string, error) {
	var found []string
	n := 0
	for i := range c.objects {
		o := &c.objects[i]
		if !c.ours(o) || !slices.Contains([]string{"ServiceEntry", "VirtualService", "DestinationRule"}, o.Kind) {
			continue
		}
		if n++; len(o.Spec.ExportTo) == 0 || slices.Contains(o.Spec.ExportTo, "*") {
			found = append(found, o.String()+" is exported to all namespaces")
		}
	}
	if n == 0 {
		return "", errors.New("no ServiceEntry or VirtualService of this gateway is there")
	}
	return fmt.Sprintf("%d objects, to %s", n, list(c.applications())), some(found)
}

// checkEnvoyFilters looks for patches of others that reach the gateway's
// listener, such as the article's sni-magic.
func checkEnvoyFilters(c *Cluster) (string, error) {
	var found []string
	c.each("EnvoyFilter", func(o *meshObject) {
		if c.ours(o) || o.Namespace != c.mesh && o.Namespace != c.namespace || len(o.Spec.TargetRefs) > 0 {
			return
		}
		if s := o.Spec.WorkloadSelector; s != nil && !labels.SelectorFromSet(s.Labels).Matches(labels.Set(c.selector)) {
			return
		}
		for _, p := range o.Spec.ConfigPatches {
			port, context := p.Match.Listener.PortNumber, p.Match.Context
			reaches := (context == "" || context == "ANY" || context == "GATEWAY") && (port == 0 || port == c.port)
			if reaches && slices.Contains([]string{"LISTENER", "FILTER_CHAIN", "NETWORK_FILTER"}, p.ApplyTo) {
				found = append(found, fmt.Sprintf("%s has a %s of %s that reaches this gateway", o, p.Patch.Operation, p.ApplyTo))
				return
			}
		}
	})
	return "none reaches the gateway's listener", some(found)
}

func checkNamespaces(c *Cluster) (string, error) {
	var found []string
	for _, name := range c.applications() {
		n, ok := c.namespaces[name]
		switch {
		case !ok:
			found = append(found, name+" is not there")
		case n.Labels["istio.io/dataplane-mode"] == "ambient":
			found = append(found, name+" is ambient: it has no sidecars that would lead anyone to the gateway")
		case n.Labels["istio-injection"] != "enabled" && n.Labels["istio.io/rev"] == "":
			found = append(found, name+" is not labelled for sidecar injection")
		}
	}
	return list(c.applications()), some(found)
}

func checkSidecars(c *Cluster) (string, error) {
	var found []string
	for _, namespace := range c.applications() {
		ours := false
		var others []*meshObject
		c.each("Sidecar", func(o *meshObject) {
			switch {
			case o.Namespace != namespace || o.Spec.WorkloadSelector != nil:
			case c.ours(o):
				ours = true
			default:
				others = append(others, o)
			}
		})
		for _, o := range others {
			if ours {
				found = append(found, fmt.Sprintf("%s and ours are both for all pods of the namespace: luck decides", o))
			}
			found = append(found, c.scopeFaults(o, ours)...)
		}
	}
	return "none in the way", some(found)
}

// scopeFaults are what keeps pods under a Sidecar from the gateway, or lets them
// past it.
func (c *Cluster) scopeFaults(o *meshObject, ours bool) (found []string) {
	if mode := o.Spec.OutboundTrafficPolicy.Mode; mode != "REGISTRY_ONLY" && !ours {
		found = append(found, fmt.Sprintf("%s lets through what no ServiceEntry lists", o))
	}
	for _, e := range o.Spec.Egress {
		if slices.ContainsFunc(e.Hosts, func(h string) bool {
			return strings.HasPrefix(h, "*/") || strings.HasPrefix(h, c.namespace+"/")
		}) {
			return found
		}
	}
	if len(o.Spec.Egress) > 0 {
		found = append(found, fmt.Sprintf("%s does not see %s/*, where the routes are", o, c.namespace))
	}
	return found
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// Unreachable is what to say of a Deployment whose pods can not be told.
func Unreachable(err error) Finding {
	return Finding{Check: clusterAnswers, Status: Fail, Detail: printable(err.Error()),
		Fix: "name the Deployment as NAMESPACE/deploy/NAME; kubectl must be allowed to get it and its pods, and to exec in them"}
}
