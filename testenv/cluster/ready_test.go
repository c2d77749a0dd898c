package cluster_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"wildcard-egress/testenv/cluster"
)

const (
	goodPolicy   = "version: 1\nrules: [" + wikipediaRule + "]\n...\n"
	brokenPolicy = "version: 1\nrules: [\n"
)

// setPolicy puts a policy in force past the command, which would refuse a broken
// one: into the ConfigMap, or into the EnvoyFilter of ECDS.
func (g *gateway) setPolicy(t *testing.T, policy string) {
	t.Helper()
	file := t.TempDir() + "/policy.yaml"
	if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	text := kubectl(t, "", "create", "configmap", g.name+"-policy", "-n", g.namespace, "--from-file=policy.yaml="+file, "--dry-run=client", "-o", "yaml")
	kubectl(t, text, "apply", "--server-side", "--force-conflicts", "-f", "-")
	// The kubelet looks again when a pod changes.
	kubectl(t, "", "annotate", "pods", "-n", g.namespace, "--all", "--overwrite", fmt.Sprintf("looked-at=%d", len(policy)))
}

// notReady waits until a pod runs, and is not ready since the startup probe says why.
func (g *gateway) notReady(t *testing.T, words string) {
	t.Helper()
	await(t, func() error {
		events, err := tryKubectl("", "get", "events", "-n", g.namespace, "-o", `jsonpath={range .items[*]}{.reason}: {.message}{"\n"}{end}`)
		if err == nil && !strings.Contains(events, words) {
			err = fmt.Errorf("no event says %q: %s", words, events)
		}
		return err
	})
	if ready, _ := pods(t, g.namespace); len(ready) > 0 {
		t.Errorf("%v: ready", ready)
	}
}

// In each way to deliver the module and the policy.
func TestAPodIsReadyOnceItHasAGoodPolicy(t *testing.T) {
	for name, flags := range map[string][]string{
		"EnvoyFilter":         nil,
		"the pod's bootstrap": {"--no-envoyfilter"},
		"a mounted module":    {"--delivery=mount", "--image=" + cluster.ModuleImage},
		"the Gateway API":     {"--api=gateway"},
	} {
		t.Run(name, func(t *testing.T) {
			g := prepareGateway(t, goodPolicy, append(flags, "--app-namespace=default")...)
			breakFile(t, g.dir+"/configmap.yaml")
			kubectl(t, "", "apply", "--server-side", "-k", g.dir)
			g.notReady(t, "policy")
			g.setPolicy(t, goodPolicy)
			g.rolledOut(t)

			t.Run("a rollout with a broken one keeps the old pods", func(t *testing.T) {
				before, _ := pods(t, g.namespace)
				g.setPolicy(t, brokenPolicy)
				kubectl(t, "", "-n", g.namespace, "rollout", "restart", "deployment", g.name)
				await(t, func() error {
					if ready, not := pods(t, g.namespace); len(not) != 1 || fmt.Sprint(ready) != fmt.Sprint(before) {
						return fmt.Errorf("ready %v, not %v; want %v and a new one that is not", ready, not, before)
					}
					return nil
				})
				g.setPolicy(t, goodPolicy)
				g.rolledOut(t)
			})
		})
	}
}

func breakFile(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	broken := strings.Replace(string(text), "version: 1", "version: one", 1)
	if broken == string(text) {
		t.Fatalf("%s has no version: %s", file, text)
	}
	if err := os.WriteFile(file, []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAPodWithoutTheModuleIsNeverReady(t *testing.T) {
	g := prepareGateway(t, goodPolicy, "--image="+cluster.BareImage, "--app-namespace=default")
	kubectl(t, "", "apply", "--server-side", "-k", g.dir)
	g.notReady(t, "port")
	await(t, func() error {
		if log := g.logs(t); !strings.Contains(log, "libwildcard_egress.so") {
			return errors.New("the log does not name the module: " + log)
		}
		return nil
	})
}
