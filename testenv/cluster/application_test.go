package cluster_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"wildcard-egress/testenv/cluster"
)

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
