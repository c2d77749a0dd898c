package cluster_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"wildcard-egress/testenv/built"
	"wildcard-egress/testenv/cluster"
	"wildcard-egress/testenv/poll"
)

func TestMain(m *testing.M) {
	if os.Getenv("SITES_CA") == "" {
		fmt.Fprintln(os.Stderr, "these tests run in the cluster of testenv/cluster/run: make test-cluster")
		os.Exit(2)
	}
	os.Exit(m.Run())
}

const patience = 5 * time.Minute // only a test that fails waits for all of it

// await waits until check returns nil.
func await(t *testing.T, check func() error) {
	t.Helper()
	if err := poll.For(patience, func() error {
		err := check()
		if err != nil {
			time.Sleep(200 * time.Millisecond) // each look starts a program
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func kubectl(t *testing.T, input string, args ...string) string {
	t.Helper()
	out, err := tryKubectl(input, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func tryKubectl(input string, args ...string) (string, error) {
	cmd := exec.Command("kubectl", args...)
	cmd.Stdin = strings.NewReader(input)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, problems.String())
	}
	return out.String(), nil
}

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

// deleteNamespace deletes one and all that is in it, and waits until it is gone.
func deleteNamespace(t *testing.T, name string) {
	t.Helper()
	if _, err := tryKubectl("", "delete", "namespace", name, "--wait=false", "--ignore-not-found"); err != nil {
		t.Error(err)
	}
	if _, err := tryKubectl("", "delete", "pods", "-n", name, "--all", "--force", "--ignore-not-found"); err != nil {
		t.Error(err)
	}
	if err := poll.For(patience, func() error {
		if _, err := tryKubectl("", "get", "namespace", name); err == nil {
			return fmt.Errorf("namespace %s is still there", name)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// pods returns the names of a namespace's pods, ready or not.
func pods(t *testing.T, namespace string) (ready, not []string) {
	t.Helper()
	var list struct {
		Items []struct {
			Metadata struct {
				Name              string
				DeletionTimestamp *string
			}
			Status struct {
				Conditions []struct{ Type, Status string }
			}
		}
	}
	if err := json.Unmarshal([]byte(kubectl(t, "", "get", "pods", "-n", namespace, "-o", "json")), &list); err != nil {
		t.Fatal(err)
	}
	for _, p := range list.Items {
		switch {
		case p.Metadata.DeletionTimestamp != nil:
		case slices.Contains(p.Status.Conditions, struct{ Type, Status string }{"Ready", "True"}):
			ready = append(ready, p.Metadata.Name)
		default:
			not = append(not, p.Metadata.Name)
		}
	}
	return ready, not
}

// application is a pod with a sidecar, in a namespace of its own.
type application struct {
	namespace, address string
}

func startApplication(t *testing.T, namespace string) *application {
	t.Helper()
	ca, err := os.ReadFile(os.Getenv("SITES_CA"))
	if err != nil {
		t.Fatal(err)
	}
	authority, err := json.Marshal(string(ca))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { deleteNamespace(t, namespace) })
	kubectl(t, fmt.Sprintf(`
{apiVersion: v1, kind: Namespace, metadata: {name: %[1]s, labels: {istio-injection: enabled}}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: sites, namespace: %[1]s}, data: {sites.pem: %[2]s}}
`, namespace, authority), "apply", "-f", "-")
	await(t, func() error { // without it no pod can be made
		_, err := tryKubectl("", "get", "serviceaccount", "default", "-n", namespace)
		return err
	})
	kubectl(t, fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata:
  name: app
  namespace: %[1]s
  annotations: {traffic.sidecar.istio.io/excludeInboundPorts: "8080"}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: app
    image: %[2]s
    imagePullPolicy: Never
    args: [":8080"]
    env: [{name: SSL_CERT_FILE, value: /sites/sites.pem}]
    volumeMounts: [{name: sites, mountPath: /sites}]
  volumes: [{name: sites, configMap: {name: sites}}]
`, namespace, cluster.AppImage), "apply", "-f", "-")
	if _, err := tryKubectl("", "wait", "-n", namespace, "--for=condition=Ready", "pod/app", "--timeout=5m"); err != nil {
		t.Fatalf("%v\n%s", err, kubectl(t, "", "describe", "pod", "-n", namespace, "app"))
	}
	return &application{namespace: namespace,
		address: kubectl(t, "", "get", "pod", "-n", namespace, "app", "-o", "jsonpath={.status.podIP}")}
}

func (a *application) do(method, path string, form url.Values) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://"+a.address+":8080"+path+"?"+form.Encode(), nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(strings.TrimSpace(string(body)))
	}
	return string(body), err
}

// ask makes one request, and returns the name of the site that answered.
func (a *application) ask(host, port string) (string, error) {
	return a.do(http.MethodGet, "/ask", url.Values{"host": {host}, "port": {port}})
}

// reaches waits until a host answers.
func (a *application) reaches(t *testing.T, host, port string) {
	t.Helper()
	await(t, func() error {
		site, err := a.ask(host, port)
		if err == nil && site == "" {
			err = errors.New("no site")
		}
		if err != nil {
			return fmt.Errorf("%s asks %s:%s: %w", a.namespace, host, port, err)
		}
		return nil
	})
}

// refused waits until a host is refused, in these words.
func (a *application) refused(t *testing.T, host, port, words string) {
	t.Helper()
	await(t, func() error {
		site, err := a.ask(host, port)
		if err == nil || !strings.Contains(err.Error(), words) {
			return fmt.Errorf("%s asks %s:%s: %q, %w; want %q", a.namespace, host, port, site, err, words)
		}
		return nil
	})
}

// open opens n streams to a host, which stay.
func (a *application) open(t *testing.T, host, port string, n int) {
	t.Helper()
	if _, err := a.do(http.MethodPost, "/streams", url.Values{"host": {host}, "port": {port}, "n": {fmt.Sprint(n)}}); err != nil {
		t.Fatalf("%s:%s: %v", host, port, err)
	}
}

type streams map[string]struct{ Alive, Cut int } // by host

func (a *application) streams(t *testing.T) streams {
	t.Helper()
	text, err := a.do(http.MethodGet, "/streams", nil)
	if err != nil {
		t.Fatal(err)
	}
	found := streams{}
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		t.Fatal(err)
	}
	return found
}

// proxy asks the admin interface of a pod's Envoy.
func proxy(namespace, pod, path string) (string, error) {
	return tryKubectl("", "exec", "-n", namespace, pod, "-c", "istio-proxy", "--", "pilot-agent", "request", "GET", path)
}
