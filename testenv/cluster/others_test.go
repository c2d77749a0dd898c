package cluster_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"wildcard-egress/testenv/built"
)

// A namespace that nobody named goes its own way: straight to the site, whether
// the policy has the host or not.
func TestOnlyWhoIsNamedIsTouched(t *testing.T) {
	shop, others := startApplication(t, "shop"), startApplication(t, "others")
	g := startGateway(t, policyOf("443", wikipediaRule), "--app-namespace=shop")
	shop.reaches(t, "en.wikipedia.org", "443")
	shop.refused(t, "cloud.ibm.com", "443", "")
	others.reaches(t, "en.wikipedia.org", "443")
	others.reaches(t, "cloud.ibm.com", "443")
	names, err := others.sidecarNames("0.0.0.0_443")
	if err != nil || slices.Contains(names, "*.wikipedia.org") {
		t.Errorf("a sidecar of another namespace has chains for %v, %v", names, err)
	}
	if n := strings.Count(g.logs(t), `"server_name":`); n == 0 || strings.Contains(g.logs(t), "ns/others/") {
		t.Errorf("the gateway's log: %s", g.logs(t))
	}

	t.Run("in a mesh whose objects are private by default", func(t *testing.T) {
		mesh := kubectl(t, "", "get", "configmap", "-n", "istio-system", "istio", "-o", "jsonpath={.data.mesh}")
		setMesh(t, mesh+"\ndefaultServiceExportTo: ['.']\ndefaultVirtualServiceExportTo: ['.']\ndefaultDestinationRuleExportTo: ['.']\n")
		defer setMesh(t, mesh)
		time.Sleep(3 * time.Second) // istiod has read it; a change shows in nothing that can be asked
		g.apply(t, policyOf("443", wikipediaRule, cloudRule))
		shop.reaches(t, "cloud.ibm.com", "443")
		shop.reaches(t, "en.wikipedia.org", "443")
		shop.refused(t, "example.org", "443", "")
	})
}

func setMesh(t *testing.T, mesh string) {
	t.Helper()
	kubectl(t, fmt.Sprintf("data:\n  mesh: |\n    %s\n", strings.ReplaceAll(strings.TrimSpace(mesh), "\n", "\n    ")),
		"patch", "configmap", "-n", "istio-system", "istio", "--patch-file", "/dev/stdin")
}

// logs returns what the gateway's pods have logged of connections.
func (g *gateway) logs(t *testing.T) string {
	t.Helper()
	return kubectl(t, "", "-n", g.namespace, "logs", "--tail=-1", "-l", "app.kubernetes.io/instance="+g.namespace+"."+g.name)
}

// Two gateways, a host of both, a namespace of both: each host goes to one that
// allows it, and what is done to the second does nothing to the first.
func TestASecondGatewayBesideTheFirst(t *testing.T) {
	shop, bank := startApplication(t, "shop"), startApplication(t, "bank")
	first := startGateway(t, policyOf("443", wikipediaRule, cloudRule), "--app-namespace=shop")
	shop.reaches(t, "cloud.ibm.com", "443")
	shop.reaches(t, "en.wikipedia.org", "443")
	shop.open(t, "cloud.ibm.com", "443", 10)
	before := kubectl(t, "", "get", "serviceentries,virtualservices,destinationrules,envoyfilters,services,deployments", "-n", first.namespace,
		"-o", `jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.generation} {.metadata.uid}{"\n"}{end}`)

	second := startGateway(t, policyOf("443", cloudRule, moreRule), "--name=second-egress", "--app-namespace=shop", "--app-namespace=bank",
		"--without=sidecar", "--without=networkpolicy")
	shop.reaches(t, "example.org", "443")
	bank.reaches(t, "example.org", "443")
	bank.reaches(t, "cloud.ibm.com", "443")
	shop.reaches(t, "cloud.ibm.com", "443")
	shop.drained(t)
	if got := shop.streams(t)["cloud.ibm.com"]; got.Alive != 10 {
		t.Errorf("streams to a host of both: %+v, want 10 alive", got)
	}
	after := kubectl(t, "", "get", "serviceentries,virtualservices,destinationrules,envoyfilters,services,deployments", "-n", first.namespace,
		"-o", `jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.generation} {.metadata.uid}{"\n"}{end}`)
	if before != after {
		t.Errorf("objects of the first gateway, before:\n%s\nafter:\n%s", before, after)
	}
	if log := second.logs(t); !strings.Contains(log, "ns/bank/sa/default") {
		t.Errorf("the second gateway has seen nobody of bank: %s", log)
	}
}

const sniMagic = `
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: sni-magic, namespace: istio-system}
spec:
  configPatches:
  - applyTo: CLUSTER
    match: {context: GATEWAY}
    patch: {operation: ADD, value: {name: sni_cluster, type: STATIC, connect_timeout: 1s}}
  - applyTo: NETWORK_FILTER
    match: {context: GATEWAY, listener: {filterChain: {filter: {name: envoy.filters.network.tcp_proxy}}}}
    patch:
      operation: MERGE
      value:
        name: envoy.filters.network.tcp_proxy
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: tcp
          cluster: sni_cluster
`

// The article's last patch reaches every gateway of the mesh. Ours comes after
// it, and preflight names it.
func TestTheArticlesPatchBesideOurs(t *testing.T) {
	shop := startApplication(t, "shop")
	kubectl(t, sniMagic, "apply", "-f", "-")
	defer kubectl(t, sniMagic, "delete", "-f", "-")
	g := startGateway(t, policyOf("443", wikipediaRule), "--app-namespace=shop")
	shop.reaches(t, "en.wikipedia.org", "443")
	out, err := built.Run(t.Context(), "preflight", "--kubectl", g.namespace+"/deploy/"+g.name, g.policy)
	if err == nil || !strings.Contains(string(out), "sni-magic") || strings.Count(string(out), "\nfail") != 1 {
		t.Errorf("preflight: %v: %s; want one failure that names sni-magic", err, out)
	}
}
