package preflight

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"wildcard-egress/bootstrap/istio"
	"wildcard-egress/filter/policy/document"
)

// around is what a cluster has beside the rendered set.
const around = `
{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {kubernetes.io/metadata.name: shop, istio-injection: enabled}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: kube-system, labels: {kubernetes.io/metadata.name: kube-system}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: istio-system, labels: {kubernetes.io/metadata.name: istio-system}}}
`

// rendered is the set of a policy with such options, and what is around it.
func rendered(t *testing.T, o istio.Options, around ...string) string {
	t.Helper()
	text := []byte("version: 1\nrules: [{name: a, hosts: [\"*.example.com\", api.example.org]}]\n")
	d, err := document.Parse("policy.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	m, err := istio.Render(istio.Policy{Document: d, Text: text}, o)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(append([]string{string(m.Stream())}, around...), "\n---\n")
	// Kubernetes sets this label.
	return strings.Replace(all, "    pod-security", "    kubernetes.io/metadata.name: wildcard-egress\n    pod-security", 1)
}

// cluster is one with the rendered set and further objects, as kubectl gets it.
func cluster(t *testing.T, edit func(string) string, further string, with func(*istio.Options)) *Cluster {
	t.Helper()
	o := istio.DefaultOptions()
	o.AppNamespaces = []string{"shop"}
	if with != nil {
		with(&o)
	}
	all := rendered(t, o, around, further)
	if edit != nil {
		all = edit(all)
	}
	var items []json.RawMessage
	for part := range strings.SplitSeq(all, "\n---\n") {
		object, err := yaml.YAMLToJSON([]byte(part))
		if err != nil {
			t.Fatal(err)
		}
		var head struct{ Kind string }
		if err := json.Unmarshal(object, &head); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(strings.ToLower(clusterKinds), strings.ToLower(head.Kind)[:max(len(head.Kind)-1, 0)]) && head.Kind != "" {
			items = append(items, object)
		}
	}
	list, err := json.Marshal(map[string]any{"items": items})
	if err != nil {
		t.Fatal(err)
	}
	var pods []json.RawMessage
	for part := range strings.SplitSeq(further, "\n---\n") {
		if strings.Contains(part, "kind: Pod,") {
			object, err := yaml.YAMLToJSON([]byte(part))
			if err != nil {
				t.Fatal(err)
			}
			pods = append(pods, object)
		}
	}
	podList, err := json.Marshal(map[string]any{"items": pods})
	if err != nil {
		t.Fatal(err)
	}
	kubectl := func(args ...string) ([]byte, error) {
		switch {
		case args[0] != "get":
			t.Errorf("kubectl %q; want it to get only", args)
		case args[1] == "pods":
			return podList, nil
		}
		return list, nil
	}
	selector := map[string]string{"app.kubernetes.io/name": "wildcard-egress", "app.kubernetes.io/instance": "wildcard-egress.wildcard-egress"}
	return ReadCluster(kubectl, "wildcard-egress", "istio-system", selector, 8443)
}

func TestTheClusterAroundAHealthyGateway(t *testing.T) {
	for name, with := range map[string]func(*istio.Options){
		"by default": nil,
		"strict":     func(o *istio.Options) { o.StrictNetwork = true },
		"open":       func(o *istio.Options) { o.Without = []istio.Part{"networkpolicy", "sidecar"} },
	} {
		for _, f := range InspectCluster(cluster(t, nil, "", with)) {
			if f.Status != OK {
				t.Errorf("%s: %+v", name, f)
			}
		}
	}
}

func TestTheClusterNamesWhatIsInTheWay(t *testing.T) {
	const magic = `{apiVersion: networking.istio.io/v1alpha3, kind: EnvoyFilter, metadata: {name: sni-magic, namespace: istio-system}, spec: {
		configPatches: [{applyTo: NETWORK_FILTER, match: {listener: {filterChain: {filter: {name: envoy.filters.network.tcp_proxy}}}}, patch: {operation: MERGE}}]}}`
	const sidecar = `{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: default, namespace: shop}, spec: {
		egress: [{hosts: ["istio-system/*"]}]}}`
	const denyAll = `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: deny, namespace: shop}, spec: {podSelector: {}, policyTypes: [Egress]}}`
	without := func(parts ...istio.Part) func(*istio.Options) { return func(o *istio.Options) { o.Without = parts } }
	replace := func(from, to string) func(string) string {
		return func(all string) string {
			if !strings.Contains(all, from) {
				t.Errorf("no %q", from)
			}
			return strings.ReplaceAll(all, from, to)
		}
	}
	for name, tt := range map[string]struct {
		further string
		edit    func(string) string
		with    func(*istio.Options)
		check   string
		detail  string
	}{
		"the article's last patch": {further: magic, check: "envoyfilters of others",
			detail: "EnvoyFilter istio-system/sni-magic has a MERGE of NETWORK_FILTER that reaches this gateway"},
		"exported to all": {edit: replace("  exportTo:\n  - .\n  - shop\n", "  exportTo:\n  - '*'\n  - shop\n"), check: "exportTo", detail: "is exported to all namespaces"},
		"another Sidecar": {further: sidecar, check: "sidecars of others",
			detail: "Sidecar shop/default and ours are both for all pods of the namespace: luck decides; Sidecar shop/default does not see wildcard-egress/*"},
		"another Sidecar alone": {further: sidecar, with: without("sidecar"), check: "sidecars of others", detail: "lets through what no ServiceEntry lists"},
		"an ambient namespace":  {edit: replace("istio-injection: enabled", "istio.io/dataplane-mode: ambient"), check: "application namespaces", detail: "shop is ambient"},
		"no injection":          {edit: replace(", istio-injection: enabled", ""), check: "application namespaces", detail: "shop is not labelled for sidecar injection"},
		"no such namespace":     {edit: replace("{name: shop,", "{name: shopping,"), check: "application namespaces", detail: "shop is not there"},
		"DNS cut": {further: denyAll, with: without("networkpolicy"), check: "network policies",
			detail: "pods of shop do not get to DNS (kube-system, k8s-app=kube-dns, UDP 53); pods of shop do not get to istiod (port 15012); pods of shop do not get to the gateway (port 8443)"},
		"a pod without a sidecar": {further: pod("Running", `containers: [{name: app}]`), check: "application pods", detail: "pod shop/x has no sidecar"},
		"a pod that does not wait": {further: pod("Running", `containers: [{name: app}, {name: istio-proxy}]`), check: "application pods",
			detail: "pod shop/x starts its application before its sidecar can serve"},
		"a host of another": {further: `{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: x, namespace: other}, spec: {hosts: [www.example.com]}}`,
			check: "hosts of others", detail: `ServiceEntry other/x has "www.example.com", which is in our "*.example.com"`},
		"a host with bytes for the terminal": {further: `{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: "x\e[2J", namespace: other}, spec: {hosts: ["a\e[31m.example.com"]}}`,
			check: "hosts of others", detail: `ServiceEntry other/x\x1b[2J has "a\x1b[31m.example.com"`},
	} {
		t.Run(name, func(t *testing.T) {
			for _, f := range InspectCluster(cluster(t, tt.edit, tt.further, tt.with)) {
				if (f.Status == Fail) != (f.Check == tt.check) || f.Status == Fail && (!strings.Contains(f.Detail, tt.detail) || f.Fix == "") {
					t.Errorf("%+v; want %q alone, with %q", f, tt.check, tt.detail)
				}
			}
		})
	}
}

func pod(phase, spec string) string {
	return fmt.Sprintf("{apiVersion: v1, kind: Pod, metadata: {name: x, namespace: shop}, spec: {%s}, status: {phase: %s}}", spec, phase)
}

// What is not in the way is left alone.
func TestTheClusterMayHaveMore(t *testing.T) {
	for name, further := range map[string]string{
		"an EnvoyFilter for another port": `{apiVersion: networking.istio.io/v1alpha3, kind: EnvoyFilter, metadata: {name: x, namespace: istio-system}, spec: {
			configPatches: [{applyTo: LISTENER, match: {context: GATEWAY, listener: {portNumber: 443}}, patch: {operation: MERGE}}]}}`,
		"an EnvoyFilter for other pods": `{apiVersion: networking.istio.io/v1alpha3, kind: EnvoyFilter, metadata: {name: x, namespace: istio-system}, spec: {
			workloadSelector: {labels: {app: other}}, configPatches: [{applyTo: NETWORK_FILTER, patch: {operation: MERGE}}]}}`,
		"an EnvoyFilter for sidecars": `{apiVersion: networking.istio.io/v1alpha3, kind: EnvoyFilter, metadata: {name: x, namespace: istio-system}, spec: {
			configPatches: [{applyTo: NETWORK_FILTER, match: {context: SIDECAR_OUTBOUND}, patch: {operation: MERGE}}]}}`,
		"an EnvoyFilter of another namespace": `{apiVersion: networking.istio.io/v1alpha3, kind: EnvoyFilter, metadata: {name: x, namespace: other}, spec: {
			configPatches: [{applyTo: NETWORK_FILTER, patch: {operation: MERGE}}]}}`,
		"a pod whose sidecar is an init container": pod("Running", `initContainers: [{name: istio-proxy}], containers: [{name: app}]`),
		"a pod that waits for its sidecar":         pod("Pending", `containers: [{name: app}, {name: istio-proxy, lifecycle: {postStart: {exec: {command: [pilot-agent, wait]}}}}]`),
		"a pod that is done":                       pod("Succeeded", `containers: [{name: app}]`),
		"a Sidecar for some pods":                  `{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: x, namespace: shop}, spec: {workloadSelector: {labels: {app: x}}}}`,
		"a host that nobody here sees":             `{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: x, namespace: other}, spec: {hosts: [a.example.com], exportTo: ["."]}}`,
		"a host that is not ours":                  `{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: x, namespace: other}, spec: {hosts: [example.com]}}`,
		"a NetworkPolicy for some pods":            `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: x, namespace: shop}, spec: {podSelector: {matchLabels: {app: x}}, policyTypes: [Egress]}}`,
	} {
		for _, f := range InspectCluster(cluster(t, nil, further, nil)) {
			if f.Status != OK {
				t.Errorf("%s: %+v", name, f)
			}
		}
	}
}

func TestANamedPortMayBeTheOne(t *testing.T) {
	dns := place{protocol: corev1.ProtocolUDP, port: 53}
	for port, cut := range map[string]bool{`"dns"`: false, "53": false, "54": true} {
		c := newCluster("egress", "istio-system", nil, 8443)
		err := c.take([]byte(`{"kind": "NetworkPolicy", "metadata": {"namespace": "shop"}, "spec": {"podSelector": {}, "policyTypes": ["Egress"],
			"egress": [{"ports": [{"protocol": "UDP", "port": ` + port + `}]}]}}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := c.cut("shop", nil, dns); got != cut {
			t.Errorf("port %s: cut %v, want %v", port, got, cut)
		}
	}
}

func TestAClusterThatDoesNotAnswerIsAFinding(t *testing.T) {
	c := ReadCluster(func(...string) ([]byte, error) { return nil, errors.New("forbidden\x1b[2J") }, "a", "b", nil, 1)
	findings := InspectCluster(c)
	if findings[0].Status != Fail || !strings.Contains(findings[0].Detail, `forbidden\x1b[2J`) || findings[1].Status != Unknown {
		t.Errorf("%+v", findings)
	}
}

func TestTargets(t *testing.T) {
	for text, want := range map[string]Target{
		"pod": {Pod: "pod"}, "ns/pod": {Namespace: "ns", Pod: "pod"}, "ns/deploy/x": {Namespace: "ns", Deployment: "x"},
		"ns/deployment/x": {Namespace: "ns", Deployment: "x"},
		"":                {}, "-x": {}, "ns/-x": {}, "/pod/x": {}, "ns/pod/x": {}, "a b": {}, "ns/deploy/": {}, "a/deploy/b/c": {},
	} {
		got, err := ParseTarget(text)
		if got != want || (err == nil) != (want != Target{}) {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
}
