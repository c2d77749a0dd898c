package istio

import (
	"fmt"
	"net/netip"
	"slices"

	securityv1beta1 "istio.io/api/security/v1beta1"
	typev1beta1 "istio.io/api/type/v1beta1"
	securityv1 "istio.io/client-go/pkg/apis/security/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"wildcard-egress/bootstrap"
)

// DataPlane is what carries the applications' connections to the gateway.
type DataPlane string

// The data planes.
const (
	SidecarPlane DataPlane = "sidecar" // the gateway is Istio's proxy, with an EnvoyFilter
	AmbientPlane DataPlane = "ambient" // the gateway is a plain Envoy, a waypoint behind ztunnel
)

// What ztunnel and the waypoints of ambient mode use.
const (
	hbonePort      = 15008
	healthPort     = 15021
	ambientAdmin   = "127.0.0.1:15000"
	dataPlaneLabel = "istio.io/dataplane-mode"
	bootstrapDir   = "/etc/wildcard-egress-envoy"
	bootstrapFile  = "envoy.yaml"
)

// ambientFaults are the mistakes in what concerns the data plane, and the options
// that have no part in it.
func (o Options) ambientFaults() []error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if o.DataPlane == SidecarPlane {
		if o.VIP != DefaultOptions().VIP {
			fault("--vip: only with --data-plane ambient")
		}
		return faults
	}
	if o.DataPlane != AmbientPlane {
		return []error{fmt.Errorf("--data-plane %q: want sidecar or ambient", o.DataPlane)}
	}
	const has = "with --data-plane ambient there is"
	for _, f := range []struct {
		set        bool
		flag, tell string
	}{
		{o.PolicyBy != ByConfigMap, "--policy-by", has + " no EnvoyFilter; use configmap"},
		{o.API != IstioAPI, "--api", has + " one form of the Gateway"},
		{o.Delivery != InImage, "--delivery", has + " no proxy of Istio's to mount into; use image (make image FLAVOR=plain)"},
		{o.NoEnvoyFilter, "--no-envoyfilter", has + " none in any case"},
		{o.Revision != "", "--revision", has + " no injection that it could choose"},
		{o.Port != DefaultOptions().Port, "--port", has + " one port, 15088 on loopback: another could be reached by who forges callers"},
		{slices.Contains(o.Without, "telemetry") || slices.Contains(o.Without, "sidecar"), "--without", has + " no Telemetry and no Sidecar"},
	} {
		if f.set {
			fault("%s: %s", f.flag, f.tell)
		}
	}
	switch {
	case !o.VIP.Is4():
		fault("--vip %s: want an IPv4 address: with an IPv6 one and IPv4 pods ztunnel names no addresses, and Envoy resets", o.VIP)
	case bootstrap.IstioPool.Contains(o.VIP):
		fault("--vip %s: istiod gives out %s itself; take another", o.VIP, bootstrap.IstioPool)
	case !o.VIP.IsGlobalUnicast() && o.VIP.As4()[0] < 240:
		fault("--vip %s: no application can dial that", o.VIP)
	}
	return faults
}

// ambientObjects returns all objects in the order of their files.
func (r *renderer) ambientObjects() ([]object, error) {
	if n := len(r.traffic.hosts); n > hostsPerServiceEntry {
		return nil, fmt.Errorf("%d hosts: a ServiceEntry takes %d, and two can not have one address: name fewer with --cover domain or top-level",
			n, hostsPerServiceEntry)
	}
	policyObjects, err := r.policyObjects()
	if err != nil {
		return nil, err
	}
	config, err := r.ambientBootstrap()
	if err != nil {
		return nil, err
	}
	namespace := r.namespace()
	namespace.value.(*corev1.Namespace).Labels[dataPlaneLabel] = "ambient"
	objects := []object{namespace, r.serviceAccount(), r.role(), r.roleBinding()}
	objects = append(objects, policyObjects...)
	objects = append(objects, config, r.hboneService(), r.ambientDeployment(), r.autoscaler(), r.disruptionBudget(),
		r.strictMTLS(), r.waypoint(), r.waypointHosts())
	objects = append(objects, r.podMonitor()...)
	objects = append(objects, r.ambientNetworkPolicies()...)
	return slices.DeleteFunc(objects, func(o object) bool { return r.leaves(partOf(o)) }), nil
}

// ambientBootstrap is what `wildcard-egress bootstrap gateway --ambient` prints.
func (r *renderer) ambientBootstrap() (object, error) {
	c := r.config
	c.Listen, c.Admin = bootstrap.AmbientListen, netip.MustParseAddrPort(ambientAdmin)
	c.RequireEndMark = true
	b, err := bootstrap.AmbientGateway(c, policyDir+"/"+policyFile, bootstrap.AmbientConfig{
		IPv6: r.IPv6, Health: netip.AddrPortFrom(netip.IPv4Unspecified(), healthPort),
	})
	if err != nil {
		return object{}, err
	}
	text, err := bootstrap.YAML(b)
	about := "Envoy's bootstrap: it listens on loopback, where only ztunnel is. A change needs new pods."
	return r.configMap(about, r.bootstrapName(), bootstrapFile, string(text)), err
}

func (r *renderer) hboneService() object {
	one := corev1.IPFamilyPolicySingleStack
	return object{comment: "Where the applications' ztunnels find that of the gateway. IPv4 alone: see --vip.", value: &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: r.meta(r.Name),
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeClusterIP, Selector: r.selector(),
			IPFamilyPolicy: &one, IPFamilies: []corev1.IPFamily{corev1.IPv4Protocol},
			Ports: []corev1.ServicePort{{Name: "tcp-hbone", Protocol: corev1.ProtocolTCP, Port: hbonePort, TargetPort: intstr.FromInt32(hbonePort)}},
		},
	}}
}

// strictMTLS is the second lock: the first is the listener on loopback.
func (r *renderer) strictMTLS() object {
	spec := securityv1beta1.PeerAuthentication{
		Selector: &typev1beta1.WorkloadSelector{MatchLabels: r.selector()},
		Mtls:     &securityv1beta1.PeerAuthentication_MutualTLS{Mode: securityv1beta1.PeerAuthentication_MutualTLS_STRICT},
	}
	return object{comment: "Into the gateway's pods comes what ztunnel has checked.", value: &securityv1.PeerAuthentication{
		TypeMeta:   metav1.TypeMeta{APIVersion: "security.istio.io/v1", Kind: "PeerAuthentication"},
		ObjectMeta: r.meta(r.Name), Spec: *spec.DeepCopy(),
	}}
}

// waypoint is of the class for waypoints that istiod does not run: it deploys
// nothing, and copies the address into the status. Class istio does not take it.
func (r *renderer) waypoint() object {
	hostname, same := gatewayv1.HostnameAddressType, gatewayv1.NamespacesFromSame
	meta := r.meta(r.Name)
	meta.Labels["istio.io/waypoint-for"] = "service"
	meta.Annotations = map[string]string{"ambient.istio.io/waypoint-inbound-binding": fmt.Sprintf("PROXY/%d", bootstrap.AmbientListen.Port())}
	return object{comment: "The gateway is a waypoint of its own making: ztunnel hands connections over on loopback, with the\n" +
		"caller in a PROXY header. An AuthorizationPolicy for it needs a selector: with targetRefs nobody enforces it.", value: &gatewayv1.Gateway{
		TypeMeta:   metav1.TypeMeta{APIVersion: "gateway.networking.k8s.io/v1", Kind: "Gateway"},
		ObjectMeta: meta,
		Spec: gatewayv1.GatewaySpec{
			GatewayClassName: "istio-remote",
			Addresses:        []gatewayv1.GatewaySpecAddress{{Type: &hostname, Value: r.host()}},
			Listeners: []gatewayv1.Listener{{
				Name: "proxy", Port: gatewayv1.PortNumber(bootstrap.AmbientListen.Port()), Protocol: "istio.io/PROXY",
				AllowedRoutes: &gatewayv1.AllowedRoutes{Namespaces: &gatewayv1.RouteNamespaces{From: &same}},
			}},
		},
	}}
}

// aboutHosts stands above the ServiceEntry.
const aboutHosts = "The hosts of the policy, as far as Istio can say them: ztunnel's DNS answers each with the one address,\n" +
	"and sends that to the gateway, which decides the rest. Without endpoints nobody goes past a gateway that is\n" +
	"gone. The ports here limit nothing: those of the rules do."
