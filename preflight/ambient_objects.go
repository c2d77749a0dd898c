package preflight

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"wildcard-egress/bootstrap"
)

const applyAmbient = "render and apply again (istio --data-plane ambient)"

// ambientClusterChecks are on the objects that make a plain Envoy a waypoint, and
// on what goes round it.
var ambientClusterChecks = []struct {
	name, fix string
	run       func(*AmbientCluster) (string, error)
}{
	{"waypoint", applyAmbient + "; if only its address is missing: is istiod of the ambient profile (PILOT_ENABLE_AMBIENT), and running?", checkWaypoint},
	{"hbone service", "ztunnel takes the address of this Service, and 15008 there is HBONE: " + applyAmbient, checkHBONEService},
	{"hosts and their address", applyAmbient, checkEntries},
	{"bound to the waypoint", "istiod says why; without any condition it is not of the ambient profile (PILOT_ENABLE_AMBIENT)", checkBound},
	{"pods behind ztunnel", "is istio-cni on that node, and the namespace labelled istio.io/dataplane-mode=ambient? restart the pods", checkRedirected},
	{"dns not captured", `give the pods the annotation ambient.istio.io/dns-capture: "false", or the gateway resolves the hosts to itself: ` +
		applyAmbient, checkDNSCapture},
	{"loopback is the gateway's", "who is on the pod's loopback forges callers: no hostNetwork, no container beside envoy", checkAlone},
	{"strict mTLS", "give them one of mode STRICT, and 15008 no other: " + applyAmbient, checkStrict},
	{"authorization policies", "nobody enforces it although istiod accepts it: use a selector for the gateway's pods, or a rule of the policy", checkAccess},
	{"application namespaces", "label the namespace istio.io/dataplane-mode=ambient, restart its pods; what is not behind ztunnel never comes here", checkAmbientNamespaces},
	{"network policies", "open it: --allow-egress and --gateway-allow-egress of ours, or an egress rule in the other's", checkAmbientNetwork},
	{"hosts of others", "take the host out of one of the two: its names go round this gateway, in the whole mesh", checkAmbientHosts},
}

// InspectAmbientCluster runs all checks on what is around a gateway behind ztunnel.
func InspectAmbientCluster(c *AmbientCluster) []Finding {
	findings := []Finding{c.answers(c.applications(), ambientKinds)}
	for _, check := range ambientClusterChecks {
		findings = append(findings, c.finding(check.name, check.fix, func() (string, error) { return check.run(c) }))
	}
	return findings
}

// waypoint is the gateway's Gateway.
func (c *AmbientCluster) waypoint() (*gatewayv1.Gateway, error) {
	for i := range c.gateways {
		if c.belongs(c.gateways[i].ObjectMeta) {
			return &c.gateways[i], nil
		}
	}
	return nil, errors.New("this gateway has no Gateway: it is no waypoint")
}

func checkWaypoint(c *AmbientCluster) (string, error) {
	g, err := c.waypoint()
	if err != nil {
		return "", err
	}
	listen := bootstrap.AmbientListen.Port()
	want := fmt.Sprintf("PROXY/%d", listen)
	var found []string
	if class := g.Spec.GatewayClassName; class != "istio-remote" {
		found = append(found, fmt.Sprintf("class %q: want istio-remote, which istiod leaves to others to run", class))
	}
	if binding := g.Annotations[bindingKey]; binding != want {
		found = append(found, fmt.Sprintf("%s is %q: want %s, or no header says who calls", bindingKey, binding, want))
	}
	if !slices.ContainsFunc(g.Spec.Listeners, func(l gatewayv1.Listener) bool { return l.Port == gatewayv1.PortNumber(listen) }) {
		found = append(found, fmt.Sprintf("no listener of port %d", listen))
	}
	if len(g.Status.Addresses) == 0 {
		found = append(found, "no status.addresses: "+conditionsOf(g))
	}
	if len(found) > 0 {
		return "", some(found)
	}
	return g.Name + " at " + g.Status.Addresses[0].Value, nil
}

// conditionsOf are those that say no.
func conditionsOf(g *gatewayv1.Gateway) string {
	text := "istiod has not said why"
	for _, condition := range g.Status.Conditions {
		if condition.Status != "True" && condition.Reason != "Pending" {
			text = fmt.Sprintf("%s: %s: %s", condition.Type, condition.Reason, condition.Message)
		}
	}
	return text
}

func checkHBONEService(c *AmbientCluster) (string, error) {
	for _, s := range c.services {
		at := slices.IndexFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == hbonePort })
		switch {
		case !c.belongs(s.ObjectMeta) || at < 0:
			continue
		case s.Spec.Ports[at].Name != "tcp-hbone":
			return "", fmt.Errorf("port %d of Service %s is named %q: want tcp-hbone", hbonePort, s.Name, s.Spec.Ports[at].Name)
		case len(s.Spec.IPFamilies) > 1 || len(s.Spec.IPFamilies) == 1 && s.Spec.IPFamilies[0] != corev1.IPv4Protocol:
			return "", fmt.Errorf("service %s has the families %v: want IPv4 alone, or Envoy resets connections without addresses", s.Name, s.Spec.IPFamilies)
		}
		return fmt.Sprintf("%s:%d", s.Name, hbonePort), nil
	}
	return "", fmt.Errorf("no Service of this gateway has port %d", hbonePort)
}

func checkEntries(c *AmbientCluster) (string, error) {
	g, err := c.waypoint()
	if err != nil {
		return "", err
	}
	var found []string
	hosts := 0
	for i := range c.entries {
		if o := &c.entries[i]; c.belongs(o.ObjectMeta) {
			hosts += len(o.Spec.Hosts)
			found = append(found, c.entryFaults(o, g.Name)...)
		}
	}
	if hosts == 0 {
		return "", errors.New("no ServiceEntry of this gateway is there")
	}
	return fmt.Sprintf("%s at %v", count(hosts, "host"), c.VIPs()), some(found)
}

// entryFaults are what lets connections go past the gateway, or end before it.
func (c *AmbientCluster) entryFaults(o *ambientObject, waypoint string) (found []string) {
	fault := func(format string, args ...any) {
		found = append(found, o.String()+" "+fmt.Sprintf(format, args...))
	}
	if name := o.Labels[waypointLabel]; name != waypoint {
		fault("has the label %s=%s: want %s", waypointLabel, name, waypoint)
	}
	if o.Spec.Resolution != "STATIC" {
		fault("has resolution %s: want STATIC; with DNS ztunnel dials the sites itself once the gateway is gone", o.Spec.Resolution)
	}
	if len(o.Spec.Endpoints) > 0 || o.Spec.WorkloadSelector != nil {
		fault("has endpoints: ztunnel dials them once the gateway is gone")
	}
	if len(o.Spec.Addresses) != 1 {
		return append(found, fmt.Sprintf("%s has %d addresses: want one, which istiod does not choose", o, len(o.Spec.Addresses)))
	}
	vip, err := netip.ParseAddr(o.Spec.Addresses[0])
	switch {
	case err != nil || !vip.Is4():
		fault("has the address %s: want one of IPv4; with IPv6 Envoy gets no addresses, and resets", o.Spec.Addresses[0])
	case bootstrap.IstioPool.Contains(vip):
		fault("has the address %s, which istiod may give to others: it hands out %s", vip, bootstrap.IstioPool)
	}
	for _, other := range c.entries {
		if !c.belongs(other.ObjectMeta) && slices.Contains(other.Spec.Addresses, o.Spec.Addresses[0]) {
			fault("has the address %s, and so has %s: another for each (--vip)", vip, &other)
		}
	}
	return found
}

func checkBound(c *AmbientCluster) (string, error) {
	var found []string
	n := 0
	for i := range c.entries {
		o := &c.entries[i]
		if !c.belongs(o.ObjectMeta) {
			continue
		}
		n++
		why := "istiod has not said that it goes to the waypoint"
		for _, condition := range o.Status.Conditions {
			if condition.Type == waypointBound && condition.Status != "True" || condition.Type == waypointMissing && condition.Status == "True" {
				why = condition.Reason + ": " + condition.Message
			}
			if condition.Type == waypointBound && condition.Status == "True" {
				why = ""
				break
			}
		}
		if why != "" {
			found = append(found, fmt.Sprintf("%s: %s", o, why))
		}
	}
	if n == 0 {
		return "", errors.New("no ServiceEntry of this gateway is there")
	}
	return waypointBound, some(found)
}
