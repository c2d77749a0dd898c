package preflight

import (
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"wildcard-egress/bootstrap/istio"
)

// aroundAmbient is what an ambient cluster has beside the rendered set, and what
// istiod and istio-cni write.
const (
	aroundAmbient = `
{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {kubernetes.io/metadata.name: shop, istio.io/dataplane-mode: ambient}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: kube-system, labels: {kubernetes.io/metadata.name: kube-system}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: istio-system, labels: {kubernetes.io/metadata.name: istio-system}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: web-1, namespace: shop, annotations: {ambient.istio.io/redirection: enabled}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: job-1, namespace: shop}, status: {phase: Succeeded}}
---
{apiVersion: v1, kind: Pod, metadata: {name: gateway-1, namespace: wildcard-egress, labels: {istio.io/dataplane-mode: ambient, gateway.networking.k8s.io/gateway-name: wildcard-egress},
 annotations: {ambient.istio.io/redirection: enabled, ambient.istio.io/dns-capture: "false"}}, spec: {containers: [{name: envoy}], initContainers: [{name: wait}]}}
`
	waypointStatus = "status: {addresses: [{type: Hostname, value: wildcard-egress.wildcard-egress.svc.cluster.local}]}"
	entryStatus    = "status: {conditions: [{type: istio.io/WaypointBound, status: \"True\", reason: WaypointAccepted}]}"
)

// ambientCluster is one with the rendered set and further objects, as kubectl gets it.
func ambientCluster(t *testing.T, edit func(string) string, further string, with func(*istio.Options)) *AmbientCluster {
	t.Helper()
	o := istio.DefaultOptions()
	o.AppNamespaces, o.DataPlane = []string{"shop"}, istio.AmbientPlane
	if with != nil {
		with(&o)
	}
	all := rendered(t, o, aroundAmbient, further)
	for kind, status := range map[string]string{"kind: Gateway\n": waypointStatus, "kind: ServiceEntry\n": entryStatus} {
		all = strings.Replace(all, kind, kind+status+"\n", 1)
	}
	if edit != nil {
		all = edit(all)
	}
	selector := map[string]string{"app.kubernetes.io/name": "wildcard-egress", "app.kubernetes.io/instance": "wildcard-egress.wildcard-egress"}
	return ReadAmbientCluster(kubectlOf(t, all), "wildcard-egress", "istio-system", selector)
}

// kubectlOf gets objects out of a stream.
func kubectlOf(t *testing.T, stream string) Kubectl {
	t.Helper()
	type object struct {
		Kind     string
		Metadata struct{ Namespace string }
	}
	items := map[string][]json.RawMessage{} // by kind; pods by namespace
	for part := range strings.SplitSeq(stream, "\n---\n") {
		raw, err := yaml.YAMLToJSON([]byte(part))
		var o object
		if err == nil {
			err = json.Unmarshal(raw, &o)
		}
		if err != nil {
			t.Fatal(err)
		}
		if o.Kind == "Pod" {
			o.Kind += " " + o.Metadata.Namespace
		}
		items[o.Kind] = append(items[o.Kind], raw)
	}
	return func(args ...string) ([]byte, error) {
		if args[0] != "get" {
			t.Errorf("kubectl %q; want it to get only", args)
		}
		var found []json.RawMessage
		if args[1] == "pods" {
			found = items["Pod "+args[3]]
		} else {
			for _, kind := range []string{"Namespace", "Service", "NetworkPolicy", "Gateway", "ServiceEntry", "PeerAuthentication", "AuthorizationPolicy"} {
				found = append(found, items[kind]...)
			}
		}
		return json.Marshal(map[string]any{"items": found})
	}
}

func TestTheAmbientClusterAroundAHealthyGateway(t *testing.T) {
	for name, with := range map[string]func(*istio.Options){
		"by default": nil,
		"strict":     func(o *istio.Options) { o.StrictNetwork = true },
		"open":       func(o *istio.Options) { o.Without = []istio.Part{"networkpolicy"} },
	} {
		c := ambientCluster(t, nil, "", with)
		for _, f := range InspectAmbientCluster(c) {
			if f.Status != OK {
				t.Errorf("%s: %+v", name, f)
			}
		}
		if got := c.applications(); !slices.Equal(got, []string{"shop"}) {
			t.Errorf("%s: applications in %q, want shop", name, got)
		}
	}
}

// Each is a trap of ambient mode: something that istiod accepts, or does not say,
// and that opens or ends the way through the gateway.
func TestTheAmbientClusterNamesTheTraps(t *testing.T) {
	replace := func(from, to string) func(string) string {
		return func(all string) string {
			if !strings.Contains(all, from) {
				t.Errorf("no %q", from)
			}
			return strings.ReplaceAll(all, from, to)
		}
	}
	const access = `{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: only-shop, namespace: wildcard-egress}, spec: `
	const entry = `{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: x, namespace: other}, spec: `
	const mtls = `{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: open, namespace: wildcard-egress}, spec: {selector: {matchLabels: {app.kubernetes.io/name: wildcard-egress}}, `
	for name, tt := range map[string]struct {
		further string
		edit    func(string) string
		with    func(*istio.Options)
		check   string
		detail  string
	}{
		"the Gateway has no address": {edit: replace(waypointStatus, "status: {conditions: [{type: Programmed, status: \"False\", reason: AddressNotUsable, message: of another class}]}"),
			check: "waypoint", detail: "no status.addresses: Programmed: AddressNotUsable: of another class"},
		"istiod has not seen the Gateway": {edit: replace(waypointStatus, ""), check: "waypoint", detail: "no status.addresses: istiod has not said why"},
		"the class istio": {edit: replace("gatewayClassName: istio-remote", "gatewayClassName: istio"), check: "waypoint",
			detail: `class "istio": want istio-remote`},
		"no binding to the PROXY protocol": {edit: replace("waypoint-inbound-binding: PROXY/15088", "waypoint-inbound-binding: NONE/15088"), check: "waypoint",
			detail: `waypoint-inbound-binding is "NONE/15088": want PROXY/15088`},
		"a Service of two families": {edit: replace("  - IPv4\n", "  - IPv4\n  - IPv6\n"), check: "hbone service", detail: "want IPv4 alone"},
		"a port that is not HBONE":  {edit: replace("name: tcp-hbone", "name: https"), check: "hbone service", detail: "want tcp-hbone"},
		"resolution DNS": {edit: replace("resolution: STATIC", "resolution: DNS"), check: "hosts and their address",
			detail: "resolution DNS: want STATIC; with DNS ztunnel dials the sites itself once the gateway is gone"},
		"resolution NONE": {edit: replace("resolution: STATIC", "resolution: NONE"), check: "hosts and their address", detail: "resolution NONE: want STATIC"},
		"endpoints": {edit: replace("  resolution: STATIC", "  endpoints: [{address: 192.0.2.1}]\n  resolution: STATIC"), check: "hosts and their address",
			detail: "has endpoints: ztunnel dials them once the gateway is gone"},
		"an IPv6 address": {edit: replace("  - 240.250.88.1\n", "  - fd00::1\n"), check: "hosts and their address", detail: "has the address fd00::1: want one of IPv4"},
		"two addresses":   {edit: replace("  - 240.250.88.1\n", "  - 240.250.88.1\n  - fd00::1\n"), check: "hosts and their address", detail: "has 2 addresses: want one"},
		"no address":      {edit: replace("  addresses:\n  - 240.250.88.1\n", ""), check: "hosts and their address", detail: "has 0 addresses: want one"},
		"an address of Istio's pool": {edit: replace("  - 240.250.88.1\n", "  - 240.240.0.7\n"), check: "hosts and their address",
			detail: "240.240.0.7, which istiod may give to others"},
		"an address that another has": {further: entry + `{hosts: [a.example.net], addresses: [240.250.88.1]}}`, check: "hosts and their address",
			detail: "has the address 240.250.88.1, and so has ServiceEntry other/x"},
		"another waypoint": {edit: replace("istio.io/use-waypoint: wildcard-egress", "istio.io/use-waypoint: waypoint"), check: "hosts and their address",
			detail: "has the label istio.io/use-waypoint=waypoint: want wildcard-egress"},
		"not bound": {edit: replace(entryStatus, "status: {conditions: [{type: istio.io/WaypointBound, status: \"False\", reason: WaypointIsMissing, message: no such waypoint}]}"),
			check: "bound to the waypoint", detail: "WaypointIsMissing: no such waypoint"},
		"a wildcard without waypoint": {edit: replace(entryStatus, "status: {conditions: [{type: istio.io/WaypointMissing, status: \"True\", reason: NoWaypointForWildcardService, message: will not apply}]}"),
			check: "bound to the waypoint", detail: "NoWaypointForWildcardService: will not apply"},
		"istiod does not do ambient": {edit: replace(entryStatus, ""), check: "bound to the waypoint", detail: "istiod has not said"},
		"a pod that istio-cni has not seen": {edit: replace("annotations: {ambient.istio.io/redirection: enabled, ", "annotations: {"), check: "pods behind ztunnel",
			detail: "gateway-1 has no ambient.istio.io/redirection: enabled"},
		"a pod of no waypoint": {edit: replace(", gateway.networking.k8s.io/gateway-name: wildcard-egress},", "},"), check: "pods behind ztunnel",
			detail: "without wildcard-egress it is no pod of the waypoint"},
		"a pod that opts out": {edit: replace("labels: {istio.io/dataplane-mode: ambient, ", "labels: {istio.io/dataplane-mode: none, "), check: "pods behind ztunnel",
			detail: "gateway-1 has the label istio.io/dataplane-mode=none"},
		"DNS captured": {edit: replace(`ambient.istio.io/dns-capture: "false"}}, spec: {containers`, `ambient.istio.io/dns-capture: "true"}}, spec: {containers`),
			check: "dns not captured", detail: `gateway-1 has ambient.istio.io/dns-capture "true": want false`},
		"DNS captured by default": {edit: replace(`, ambient.istio.io/dns-capture: "false"}}, spec: {containers`, `}}, spec: {containers`),
			check: "dns not captured", detail: `gateway-1 has ambient.istio.io/dns-capture "": want false`},
		"a container beside": {edit: replace("containers: [{name: envoy}]", "containers: [{name: envoy}, {name: debug}]"), check: "loopback is the gateway's",
			detail: "gateway-1 has the container debug beside envoy"},
		"a container of kubectl debug": {edit: replace("containers: [{name: envoy}]", "containers: [{name: envoy}], ephemeralContainers: [{name: debugger-x}]"),
			check: "loopback is the gateway's", detail: "gateway-1 has the container debugger-x beside envoy"},
		"an init container that goes on": {edit: replace("{name: wait}", "{name: wait, restartPolicy: Always}"), check: "loopback is the gateway's",
			detail: "gateway-1 has the container wait beside envoy"},
		"PERMISSIVE": {edit: replace("mode: STRICT", "mode: PERMISSIVE"), check: "strict mTLS",
			detail: "PeerAuthentication wildcard-egress/wildcard-egress is PERMISSIVE for the gateway's pods; no PeerAuthentication STRICT"},
		"a second one, PERMISSIVE": {further: mtls + "mtls: {mode: PERMISSIVE}}}", check: "strict mTLS", detail: "wildcard-egress/open is PERMISSIVE"},
		"15008 open":               {further: mtls + "mtls: {mode: STRICT}, portLevelMtls: {15008: {mode: DISABLE}}}}", check: "strict mTLS", detail: "DISABLE for port 15008"},
		"an AuthorizationPolicy for the Gateway": {further: access + `{targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: wildcard-egress}]}}`,
			check: "authorization policies", detail: "AuthorizationPolicy wildcard-egress/only-shop is for Gateway wildcard-egress by targetRefs: it holds for nobody"},
		"an AuthorizationPolicy for the ServiceEntry": {further: access + `{targetRef: {group: networking.istio.io, kind: ServiceEntry, name: wildcard-egress}}}`,
			check: "authorization policies", detail: "is for ServiceEntry wildcard-egress by targetRefs"},
		"a namespace that is not ambient": {edit: replace("metadata.name: shop, istio.io/dataplane-mode: ambient}", "metadata.name: shop}"),
			check: "application namespaces", detail: "shop/web-1 and its namespace lack the label istio.io/dataplane-mode=ambient"},
		"a namespace that is not there": {edit: replace("{name: shop,", "{name: shopping,"), check: "application namespaces", detail: "shop is not there"},
		"an application with a sidecar": {edit: replace("namespace: shop, annotations: {", `namespace: shop, annotations: {sidecar.istio.io/status: "{}", `),
			check: "application namespaces", detail: "shop/web-1 has a sidecar"},
		"a narrower host of another namespace": {further: entry + `{hosts: [www.example.com], exportTo: ["."]}}`, check: "hosts of others",
			detail: `ServiceEntry other/x has "www.example.com", which is in our "*.example.com"`},
		"DNS cut": {further: `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: deny, namespace: shop}, spec: {podSelector: {}, policyTypes: [Egress]}}`,
			with: func(o *istio.Options) { o.Without = []istio.Part{"networkpolicy"} }, check: "network policies",
			detail: "pods of shop do not get to DNS (kube-system, k8s-app=kube-dns, UDP 53); pods of shop do not get to the gateway (port 15008)"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, f := range InspectAmbientCluster(ambientCluster(t, tt.edit, tt.further, tt.with)) {
				if (f.Status == Fail) != (f.Check == tt.check) || f.Status == Fail && (!strings.Contains(f.Detail, tt.detail) || f.Fix == "") {
					t.Errorf("%+v; want %q alone, with %q", f, tt.check, tt.detail)
				}
			}
		})
	}
}

// Where much is wrong, each check that needs it says so.
func TestTheAmbientClusterOfNoWaypoint(t *testing.T) {
	c := ambientCluster(t, func(all string) string {
		return strings.NewReplacer("kind: Gateway\n", "kind: Other\n", "name: gateway-1", "name: gateway-1, deletionTimestamp: \"2026-01-01T00:00:00Z\"").Replace(all)
	}, "", nil)
	for _, f := range InspectAmbientCluster(c) {
		want := OK
		if slices.Contains([]string{"waypoint", "hosts and their address", "pods behind ztunnel", "dns not captured", "loopback is the gateway's"}, f.Check) {
			want = Fail
		}
		if f.Status != want {
			t.Errorf("%+v; want %s", f, want)
		}
	}
}

func TestAnAmbientClusterThatDoesNotAnswerIsAFinding(t *testing.T) {
	c := ReadAmbientCluster(func(...string) ([]byte, error) { return nil, errors.New("no matches for kind Gateway\x1b[2J") }, "a", "b", nil)
	findings := InspectAmbientCluster(c)
	if findings[0].Status != Fail || !strings.Contains(findings[0].Detail, `kind Gateway\x1b[2J`) || findings[1].Status != Unknown {
		t.Errorf("%+v", findings)
	}
}

func TestResolver(t *testing.T) {
	vips := []netip.Addr{netip.MustParseAddr("240.250.88.1")}
	for name, tt := range map[string]struct {
		hosts          []string
		answer         string
		err            error
		asked, status  string
		detailContains string
	}{
		"a site's address":    {hosts: []string{"api.example.org"}, answer: "198.51.100.7", asked: "api.example.org", status: OK, detailContains: "has [198.51.100.7], none"},
		"no such name":        {hosts: []string{"*.example.com"}, asked: "wildcard-egress-preflight.example.com", status: OK},
		"the gateway's":       {hosts: []string{"*.example.com"}, answer: "240.250.88.1", asked: "wildcard-egress-preflight.example.com", status: Fail, detailContains: "240.250.88.1, which ztunnel leads back"},
		"another of Istio's":  {hosts: []string{"api.example.org"}, answer: "240.240.0.9", asked: "api.example.org", status: Fail, detailContains: "240.240.0.9"},
		"no answer":           {hosts: []string{"api.example.org"}, err: errors.New("timeout\x1b[2J"), asked: "api.example.org", status: Fail, detailContains: `timeout\x1b[2J`},
		"nothing to ask with": {status: Unknown},
	} {
		asked := ""
		f := InspectResolver(func(name string) ([]netip.Addr, error) {
			asked = name
			a, _ := netip.ParseAddr(tt.answer)
			return slices.DeleteFunc([]netip.Addr{a}, func(a netip.Addr) bool { return !a.IsValid() }), tt.err
		}, tt.hosts, vips)
		if asked != tt.asked || f.Status != tt.status || !strings.Contains(f.Detail, tt.detailContains) || (f.Fix == "") != (f.Status != Fail) {
			t.Errorf("%s: asked %q: %+v", name, asked, f)
		}
	}
}
