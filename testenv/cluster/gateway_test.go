package cluster_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"wildcard-egress/testenv/built"
	"wildcard-egress/testenv/cluster"
)

// gateway is a rendered set, and the folder that it is applied from.
type gateway struct {
	name, namespace string
	dir, policy     string // the folder, the policy's file
	flags           []string
}

// startGateway renders a policy, applies it as docs/istio.md says, and waits
// until its pod is ready.
func startGateway(t *testing.T, policy string, flags ...string) *gateway {
	t.Helper()
	g := prepareGateway(t, policy, flags...)
	g.apply(t, policy)
	g.rolledOut(t)
	return g
}

// prepareGateway only renders. One pod will run, for which a small node has room.
func prepareGateway(t *testing.T, policy string, flags ...string) *gateway {
	t.Helper()
	g := &gateway{name: "wildcard-egress", namespace: "wildcard-egress", dir: filepath.Join(t.TempDir(), "egress")}
	g.policy = filepath.Join(t.TempDir(), "policy.yaml")
	for _, f := range flags {
		if name, ok := strings.CutPrefix(f, "--name="); ok {
			g.name, g.namespace = name, name
			flags = append(flags, "--namespace="+name)
		}
	}
	g.flags = append([]string{"--without=horizontalpodautoscaler", "--without=poddisruptionbudget", "--replicas=1"}, flags...)
	if !slices.ContainsFunc(flags, func(f string) bool { return strings.HasPrefix(f, "--image=") }) {
		g.flags = append(g.flags, "--image="+cluster.GatewayImage)
	}
	t.Cleanup(func() { g.stop(t) })
	g.render(t, policy)
	return g
}

// apply renders a policy into the folder, applies that, and deletes what
// rendering said to delete.
func (g *gateway) apply(t *testing.T, policy string) {
	t.Helper()
	notes := g.render(t, policy)
	kubectl(t, "", "apply", "--server-side", "-k", g.dir)
	for line := range strings.Lines(notes) {
		if command := strings.Fields(line); len(command) > 1 && command[0] == "kubectl" && command[1] == "delete" {
			kubectl(t, "", command[1:]...)
		}
	}
}

// render returns the notes.
func (g *gateway) render(t *testing.T, policy string) string {
	t.Helper()
	if err := os.WriteFile(g.policy, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	dir, err := built.Dir()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "wildcard-egress"), append([]string{"istio", g.policy, "--to", g.dir}, g.flags...)...)
	notes, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, notes)
	}
	return string(notes)
}

func (g *gateway) rolledOut(t *testing.T) {
	t.Helper()
	if out, err := tryKubectl("", "-n", g.namespace, "rollout", "status", "deployment", g.name, "--timeout=5m"); err != nil {
		t.Fatalf("%v: %s\n%s", err, out, kubectl(t, "", "-n", g.namespace, "describe", "pods"))
	}
}

// stop deletes all that is in the folder, and shows the logs of a failed test.
func (g *gateway) stop(t *testing.T) {
	t.Helper()
	if t.Failed() {
		log, _ := tryKubectl("", "-n", g.namespace, "logs", "--tail=40", "-l", "app.kubernetes.io/name=wildcard-egress")
		t.Logf("--- log of %s\n%s", g.name, log)
	}
	if _, err := tryKubectl("", "delete", "-k", g.dir, "--wait=false", "--ignore-not-found"); err != nil {
		t.Error(err)
	}
	deleteNamespace(t, g.namespace)
}
