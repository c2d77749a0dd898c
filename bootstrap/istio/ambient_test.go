package istio_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	appsv1 "k8s.io/api/apps/v1"

	"google.golang.org/protobuf/encoding/protojson"
	"sigs.k8s.io/yaml"

	"wildcard-egress/bootstrap/istio"
)

// wantLoopback reads a bootstrap strictly: its listener for applications is on
// loopback, whatever the options.
func wantLoopback(t *testing.T, text string) {
	t.Helper()
	json, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var b bootstrapv3.Bootstrap
	if err := protojson.Unmarshal(json, &b); err != nil {
		t.Fatal(err)
	}
	for _, l := range b.GetStaticResources().GetListeners() {
		address := l.GetAddress().GetSocketAddress().GetAddress()
		if l.GetName() == "egress" && !netip.MustParseAddr(address).IsLoopback() {
			t.Errorf("the gateway listens on %s, where anybody could forge callers", address)
		}
	}
}

// Each mistake is one that would end in an open or a dead gateway, or an option
// without a part in this data plane.
func TestAmbientOptionsThatDoNotApply(t *testing.T) {
	for want, with := range map[string]func(*istio.Options){
		"--vip fd00::1: want an IPv4 address":              func(o *istio.Options) { o.VIP = netip.MustParseAddr("fd00::1") },
		"--vip 240.240.3.4: istiod gives out":              func(o *istio.Options) { o.VIP = netip.MustParseAddr("240.240.3.4") },
		"--vip 127.0.0.1: no application can dial":         func(o *istio.Options) { o.VIP = netip.MustParseAddr("127.0.0.1") },
		"--vip 224.0.0.1: no application can dial":         func(o *istio.Options) { o.VIP = netip.MustParseAddr("224.0.0.1") },
		"--policy-by: with --data-plane ambient":           func(o *istio.Options) { o.PolicyBy = istio.ByECDS },
		"--api: with --data-plane ambient":                 func(o *istio.Options) { o.API = istio.GatewayAPI },
		"--delivery: with --data-plane ambient":            func(o *istio.Options) { o.Delivery = istio.ByMount },
		"--no-envoyfilter: with --data-plane ambient":      func(o *istio.Options) { o.NoEnvoyFilter = true },
		"--revision: with --data-plane ambient":            func(o *istio.Options) { o.Revision = "canary" },
		"--port: with --data-plane ambient":                func(o *istio.Options) { o.Port = 9443 },
		"--without: with --data-plane ambient":             func(o *istio.Options) { o.Without = []istio.Part{"sidecar"} },
		`--data-plane "waypoint": want sidecar or ambient`: func(o *istio.Options) { o.DataPlane = "waypoint" },
		"--vip: only with --data-plane ambient": func(o *istio.Options) {
			o.DataPlane, o.VIP = istio.SidecarPlane, netip.MustParseAddr("240.250.7.7")
		},
	} {
		o := istio.DefaultOptions()
		ambient(&o)
		with(&o)
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// What the traps of ambient mode ask of the objects.
func TestAmbientObjectsKeepOffTheTraps(t *testing.T) {
	m := render(t, richPolicy, ambient)
	for _, f := range m.Files {
		if f.Name == "envoyfilter.yaml" || f.Name == "virtualservice.yaml" {
			t.Errorf("there is a %s", f.Name)
		}
	}
	entries := specs[*networkingv1alpha3.ServiceEntry](t, m)
	if len(entries) != 1 || entries[0].Resolution != networkingv1alpha3.ServiceEntry_STATIC || len(entries[0].Addresses) != 1 || len(entries[0].Endpoints) != 0 {
		t.Errorf("ServiceEntries %v; want one, STATIC, with one address and no endpoints: with DNS ztunnel dials the sites itself", entries)
	}
	for _, d := range specs[*appsv1.Deployment](t, m) {
		pod := d.Spec.Template
		if pod.Spec.HostNetwork || len(pod.Spec.Containers) != 1 || pod.Annotations["ambient.istio.io/dns-capture"] != "false" ||
			pod.Labels["sidecar.istio.io/inject"] != "false" || pod.Labels["gateway.networking.k8s.io/gateway-name"] != "wildcard-egress" {
			t.Errorf("pod %v %v, %d containers, hostNetwork %v", pod.Labels, pod.Annotations, len(pod.Spec.Containers), pod.Spec.HostNetwork)
		}
	}
}

func TestAmbientHostsThatNoServiceEntryTakes(t *testing.T) {
	var hosts []string
	for i := range 257 {
		hosts = append(hosts, fmt.Sprintf("h%d.example.com", i))
	}
	o := istio.DefaultOptions()
	ambient(&o)
	_, err := istio.Render(parse(t, "version: 1\nrules: [{name: many, hosts: ["+strings.Join(hosts, ", ")+"]}]"), o)
	if err == nil || !strings.Contains(err.Error(), "--cover domain") {
		t.Errorf("error %v, want one that tells of --cover", err)
	}
	o.Cover = istio.CoverDomain
	if _, err := istio.Render(parse(t, "version: 1\nrules: [{name: many, hosts: ["+strings.Join(hosts, ", ")+"]}]"), o); err != nil {
		t.Errorf("with a wider cover: %v", err)
	}
}
