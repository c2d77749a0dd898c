package cluster_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"wildcard-egress/testenv/built"
)

// renderings are the examples, and sets for each option that changes which
// objects there are, or what is in them.
func renderings(t *testing.T) map[string]string {
	t.Helper()
	root, err := built.Root()
	if err != nil {
		t.Fatal(err)
	}
	folders := map[string]string{}
	for _, example := range []string{"istio", "team/egress", "ambient"} {
		folders["examples/"+example] = filepath.Join(root, "examples", example)
	}
	policy := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(policy, []byte(policyOf("443, 8443", wikipediaRule, cloudRule, moreRule, manyRule(300))), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, flags := range []string{
		"", "--policy-by=ecds", "--api=gateway", "--api=gateway --policy-by=ecds", "--no-envoyfilter", "--no-envoyfilter --ipv6", "--delivery=mount",
		"--delivery=mount --policy-by=ecds", "--strict-network --allow-egress=databases:5432 --allow-egress=10.0.0.1/32:443 --gateway-allow-egress=monitoring:4317",
		"--cover=domain", "--cover=top-level", "--name=second --namespace=second --port=9443", "--data-plane=ambient --cover=top-level",
		"--data-plane=ambient --cover=top-level --strict-network", "--without=namespace --without=role --without=horizontalpodautoscaler --without=poddisruptionbudget " +
			"--without=telemetry --without=sidecar --without=networkpolicy",
	} {
		dir := filepath.Join(t.TempDir(), "egress")
		args := append([]string{"istio", policy, "--to", dir, "--app-namespace=shop", "--app-namespace=payments"}, strings.Fields(flags)...)
		if out, err := built.Run(t.Context(), args...); err != nil {
			t.Fatalf("%s: %v: %s", flags, err, out)
		}
		folders["istio "+flags] = dir
	}
	return folders
}

// What the API server and istiod's webhook take, and what istioctl has to say.
func TestTheRenderedSetsAreValid(t *testing.T) {
	namespaces := []string{"wildcard-egress", "team-egress", "second", "shop", "payments"}
	for _, name := range namespaces {
		kubectl(t, fmt.Sprintf("{apiVersion: v1, kind: Namespace, metadata: {name: %s, labels: {istio-injection: enabled}}}", name), "apply", "-f", "-")
		t.Cleanup(func() { deleteNamespace(t, name) })
	}
	for name, dir := range renderings(t) {
		t.Run(name, func(t *testing.T) {
			if out, err := tryKubectl("", "apply", "--server-side", "--force-conflicts", "--dry-run=server", "-k", dir); err != nil {
				t.Errorf("%v: %s", err, out)
			}
			out, err := exec.CommandContext(t.Context(), "istioctl", "analyze", "--color=false", "--use-kube=false", "-A", dir).CombinedOutput()
			if text := string(out); err != nil || strings.Contains(text, "Error [") {
				t.Errorf("istioctl analyze: %v: %s", err, text)
			} else {
				t.Log(text)
			}
		})
	}
}
