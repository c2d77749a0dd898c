package istio_test

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"wildcard-egress/bootstrap/istio"
)

// hostEntries are the ServiceEntries with the policy's hosts.
func hostEntries(t *testing.T, m istio.Manifests) []*networkingv1alpha3.ServiceEntry {
	t.Helper()
	return slices.DeleteFunc(specs[*networkingv1alpha3.ServiceEntry](t, m), func(e *networkingv1alpha3.ServiceEntry) bool {
		return strings.HasSuffix(e.Hosts[0], ".invalid")
	})
}

// sidecarRoutes are the VirtualServices with the policy's hosts.
func sidecarRoutes(t *testing.T, m istio.Manifests) []*networkingv1alpha3.VirtualService {
	t.Helper()
	return slices.DeleteFunc(specs[*networkingv1alpha3.VirtualService](t, m), func(v *networkingv1alpha3.VirtualService) bool {
		return v.Gateways[0] != "mesh"
	})
}

func manyHosts(n int) string {
	var text strings.Builder
	text.WriteString("version: 1\nrules:\n- name: many\n  ports: [443, 8443]\n  hosts:\n")
	for i := range n {
		fmt.Fprintf(&text, "  - h%d.example%d.com\n", i, i%(n/3+1))
	}
	return text.String()
}

// A host that is listed, and not sent to the gateway, would go past it.
func TestEveryHostOfAServiceEntryHasARouteOfItsOwn(t *testing.T) {
	for _, n := range []int{1, 256, 257, 6000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			m := render(t, manyHosts(n), nil)
			listed, routed := map[string]int{}, map[string]int{}
			for _, e := range hostEntries(t, m) {
				if len(e.Hosts) > 256 {
					t.Errorf("a ServiceEntry with %d hosts; Istio's CRD takes 256", len(e.Hosts))
				}
				for _, h := range e.Hosts {
					listed[h]++
				}
			}
			for _, v := range sidecarRoutes(t, m) {
				countRoutes(t, v, routed)
			}
			if !maps.Equal(listed, routed) || len(listed) != n {
				t.Errorf("%d hosts are listed and %d routed, want the same %d", len(listed), len(routed), n)
			}
		})
	}
}

func countRoutes(t *testing.T, v *networkingv1alpha3.VirtualService, routed map[string]int) {
	t.Helper()
	for _, route := range v.Tls {
		if d := route.Route[0].Destination; d.Host != "wildcard-egress.wildcard-egress.svc.cluster.local" || d.Port != nil {
			t.Fatalf("a route to %v; want the gateway, at the listener's port", d)
		}
		for i, match := range route.Match {
			if len(match.SniHosts) != 1 || match.SniHosts[0] != v.Hosts[i] || match.Port != 0 {
				t.Fatalf("match %v for host %s; want it alone, for every port", match, v.Hosts[i])
			}
			routed[match.SniHosts[0]]++
		}
	}
}

// Objects change with the hosts that they hold, whatever the others are.
func TestAnEditChangesTheObjectsOfItsHostsAlone(t *testing.T) {
	objects := func(text string) map[string]string {
		all := map[string]string{}
		for _, text := range documents(t, render(t, text, nil)) {
			var d written
			if err := yaml.Unmarshal(text, &d); err != nil {
				t.Fatal(err)
			}
			if d.Kind == "ServiceEntry" || d.Kind == "VirtualService" {
				all[d.Kind+" "+d.Metadata.Name] = string(text)
			}
		}
		return all
	}
	before, after := objects(manyHosts(300)), objects(manyHosts(300)+"  - new.example.org\n")
	var changed []string
	for name, text := range after {
		if before[name] != text {
			changed = append(changed, name)
		}
	}
	for name := range before {
		if after[name] == "" {
			changed = append(changed, name)
		}
	}
	if len(changed) != 2 {
		t.Errorf("changed: %v of %d objects; want a ServiceEntry and a VirtualService", changed, len(before))
	}
}

func TestOnlyWhoIsNamedSeesTheRoutes(t *testing.T) {
	m := render(t, richPolicy, func(o *istio.Options) { o.AppNamespaces = []string{"shop", "payments"} })
	want := []string{".", "shop", "payments"}
	for _, e := range hostEntries(t, m) {
		wantExport(t, e, e.ExportTo, want[1:])
	}
	for _, v := range sidecarRoutes(t, m) {
		wantExport(t, v, v.ExportTo, want[1:])
	}
	for _, d := range specs[*networkingv1alpha3.DestinationRule](t, m) {
		wantExport(t, d, d.ExportTo, want)
	}
	for _, s := range specs[*corev1.Service](t, m) {
		wantExport(t, s, strings.Split(s.Annotations["networking.istio.io/exportTo"], ","), want)
	}
}

func wantExport(t *testing.T, object any, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%T: exportTo %q, want %q", object, got, want)
	}
}

func TestCoversAreWiderAndStable(t *testing.T) {
	const text = `{version: 1, rules: [{name: a, hosts: [a.example.com, b.c.example.com, example.org, "*.shop.example.co.uk"]}]}`
	for cover, want := range map[istio.Cover][]string{
		istio.CoverHost:     {"*.shop.example.co.uk", "a.example.com", "b.c.example.com", "example.org"},
		istio.CoverDomain:   {"*.example.co.uk", "*.example.com", "example.org"},
		istio.CoverTopLevel: {"*.com", "*.org", "*.uk"},
	} {
		entries := hostEntries(t, render(t, text, func(o *istio.Options) { o.Cover = cover }))
		if !slices.Equal(entries[0].Hosts, want) {
			t.Errorf("%s: hosts %q, want %q", cover, entries[0].Hosts, want)
		}
	}
}

func TestNotesTellWhatIsOpenAndWhatIsLarge(t *testing.T) {
	for name, tt := range map[string]struct {
		policy string
		with   func(*istio.Options)
		want   string
	}{
		"left out": {policy: richPolicy, with: func(o *istio.Options) { o.Without = []istio.Part{"networkpolicy"} },
			want: "without networkpolicy: pods can go round the gateway"},
		"a way round": {policy: richPolicy, with: func(o *istio.Options) {
			o.AllowEgress = []istio.Destination{{Prefix: netip.MustParsePrefix("0.0.0.0/0")}}
		}, want: "--allow-egress 0.0.0.0/0 is a way round the gateway"},
		"a collector out of reach": {policy: richPolicy, with: func(o *istio.Options) { o.Network.OTLP = "otel.observability:4317" },
			want: "--access-log-otlp otel.observability:4317: the gateway's NetworkPolicy does not let it reach the collector"},
		"a port of HTTP services": {policy: `{version: 1, rules: [{name: a, hosts: [a.example.com], ports: [80]}]}`,
			want: "port 80: services of the mesh use it for HTTP"},
		"many filter chains": {policy: manyHosts(600), want: "600 hosts and 2 ports are 1200 filter chains in every sidecar"},
		"too large for client-side apply": {policy: richPolicy + strings.Repeat("# comment\n", 30_000),
			want: "larger than the 262144 bytes that kubectl apply can keep in an annotation: use kubectl apply --server-side"},
		"near the limit": {policy: richPolicy + strings.Repeat("# comment\n", 100_000), want: "bytes of data; Kubernetes takes 1048576"},
	} {
		t.Run(name, func(t *testing.T) {
			notes := render(t, tt.policy, tt.with).Notes
			if !slices.ContainsFunc(notes, func(n string) bool { return strings.Contains(n, tt.want) }) {
				t.Errorf("notes %q, want %q among them", notes, tt.want)
			}
		})
	}
}
