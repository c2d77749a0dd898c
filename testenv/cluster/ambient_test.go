package cluster_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"wildcard-egress/testenv/built"
	"wildcard-egress/testenv/certs"
	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/ztunnel"
)

// asZtunnel, in the environment, has this test binary be the ztunnel of a pod, in
// whose network it is started: with the certificates of that folder.
const asZtunnel = "WILDCARD_EGRESS_AS_ZTUNNEL"

func init() {
	dir := os.Getenv(asZtunnel)
	if dir == "" {
		return
	}
	err := ztunnel.StartInPod(filepath.Join(dir, "gateway.pem"), filepath.Join(dir, "gateway-key.pem"), filepath.Join(dir, "ca.pem"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	select {} // until the pod ends, or the test
}

// ambientGateway is one whose pod has a stand-in for ztunnel: istio-cni's and
// ztunnel's work is done by the test.
type ambientGateway struct {
	*gateway
	pod    string
	client *ztunnel.Dialer
	ids    *certs.Identities
	sites  *x509.CertPool
}

// The ambient set as istiod and the kubelet take it.
func TestAmbientSet(t *testing.T) {
	kubectl(t, "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}}", "apply", "-f", "-")
	t.Cleanup(func() { deleteNamespace(t, "shop") })
	g := &ambientGateway{gateway: startGateway(t, goodPolicy, "--data-plane=ambient", "--app-namespace=shop")}
	t.Run("preflight misses what istio-cni does, and nothing else", func(t *testing.T) {
		g.wantFailed(t, "pods behind ztunnel")
	})
	kubectl(t, "", "annotate", "pods", "-n", g.namespace, "--all", "ambient.istio.io/redirection=enabled")
	t.Run("preflight has nothing against it", func(t *testing.T) { g.wantFailed(t) })
	g.beBehindZtunnel(t)
	t.Run("the article's requests", func(t *testing.T) {
		await(t, func() error { return g.ask("en.wikipedia.org") })
		if err := g.ask("cloud.ibm.com"); err == nil || !strings.Contains(err.Error(), "unrecognized name") {
			t.Errorf("cloud.ibm.com: %v, want the alert unrecognized_name", err)
		}
	})
	t.Run("an edit by kubectl", func(t *testing.T) {
		g.setPolicy(t, strings.Replace(goodPolicy, "rules: [", "rules: ["+cloudRule+", ", 1))
		await(t, func() error { return g.ask("cloud.ibm.com") })
		g.setPolicy(t, goodPolicy)
	})
	t.Run("a pod that ends drains", g.testDrain)
	t.Run("preflight tells istiod's refusal", func(t *testing.T) {
		kubectl(t, "", "-n", g.namespace, "rollout", "status", "deployment", g.name, "--timeout=5m")
		kubectl(t, "", "annotate", "pods", "-n", g.namespace, "--all", "--overwrite", "ambient.istio.io/redirection=enabled")
		kubectl(t, "", "delete", "gateway.gateway.networking.k8s.io", "-n", g.namespace, g.name)
		g.wantFailed(t, "waypoint", "hosts and their address", "bound to the waypoint", "pods behind ztunnel")
	})
}

// wantFailed waits until these checks of preflight fail, and no others.
func (g *ambientGateway) wantFailed(t *testing.T, want ...string) {
	t.Helper()
	await(t, func() error {
		out, err := built.Run(t.Context(), "preflight", "--data-plane", "ambient", "--kubectl", g.namespace+"/deploy/"+g.name, "-o", "json", g.policy)
		var findings []struct{ Pod, Check, Status, Detail string }
		if jsonErr := json.Unmarshal(out, &findings); jsonErr != nil {
			return errors.Join(err, jsonErr)
		}
		var failed []string
		for _, f := range findings {
			if f.Status != "ok" {
				failed = append(failed, f.Check)
			}
		}
		slices.Sort(failed)
		slices.Sort(want)
		if !slices.Equal(slices.Compact(failed), want) {
			return fmt.Errorf("failed: %q, want %q: %s", failed, want, out)
		}
		return nil
	})
}

// beBehindZtunnel starts a ztunnel in the network of the gateway's pod.
func (g *ambientGateway) beBehindZtunnel(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	var err error
	if g.ids, err = certs.NewIdentities(); err != nil {
		t.Fatal(err)
	}
	_, _, certErr := certs.WriteFiles(g.ids.Gateway, dir, "gateway")
	_, caErr := g.ids.Authority.WriteFile(dir, "ca")
	ca, sitesErr := os.ReadFile(os.Getenv("SITES_CA"))
	own, ownErr := os.Executable()
	if err := errors.Join(certErr, caErr, sitesErr, ownErr); err != nil {
		t.Fatal(err)
	}
	g.sites = x509.NewCertPool()
	g.sites.AppendCertsFromPEM(ca)
	ready, _ := pods(t, g.namespace)
	g.pod = ready[0]
	cmd := exec.CommandContext(t.Context(), "nsenter", "--net=/proc/"+g.process(t)+"/ns/net", own)
	cmd.Env = append(os.Environ(), asZtunnel+"="+dir)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log("the stand-in for ztunnel says: " + problems.String())
		}
	})
	address := kubectl(t, "", "get", "service", "-n", g.namespace, g.name, "-o", "jsonpath={.spec.clusterIP}")
	g.client = &ztunnel.Dialer{Server: address + ":15008", Authority: g.ids.Authority, Timeout: patience}
}

// process is the id of the pod's Envoy.
func (g *ambientGateway) process(t *testing.T) string {
	t.Helper()
	id := kubectl(t, "", "get", "pod", "-n", g.namespace, g.pod, "-o", "jsonpath={.status.containerStatuses[0].containerID}")
	out, err := exec.CommandContext(t.Context(), "ctr", "-a", os.Getenv("CONTAINERD"), "-n", "k8s.io", "tasks", "ls").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == strings.TrimPrefix(id, "containerd://") {
			return fields[1]
		}
	}
	t.Fatalf("no process of %s: %s", id, out)
	return ""
}

// dial opens a stream through the Service, as an application behind ztunnel.
func (g *ambientGateway) dial(host string) (*tls.Conn, error) {
	conn, err := g.client.Dial(g.ids.App, netip.AddrPortFrom(client.VIP, 443))
	if err != nil {
		return nil, err
	}
	stream := tls.Client(conn, &tls.Config{ServerName: host, RootCAs: g.sites})
	return stream, stream.Handshake()
}

func (g *ambientGateway) ask(host string) error {
	stream, err := g.dial(host)
	if err != nil {
		return err
	}
	defer stream.Close()
	_, err = client.Ask(stream)
	return err
}

// testDrain deletes the pod: not ready at once, no new connections, the open stream
// to its own end, and then the pod ends.
func (g *ambientGateway) testDrain(t *testing.T) {
	stream, err := g.dial("en.wikipedia.org")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	pinned := *g // the Service will have another pod
	pinned.client = &ztunnel.Dialer{Authority: g.ids.Authority, Timeout: patience,
		Server: kubectl(t, "", "get", "pod", "-n", g.namespace, g.pod, "-o", "jsonpath={.status.podIP}") + ":15008"}
	kubectl(t, "", "delete", "pod", "-n", g.namespace, g.pod, "--wait=false")
	await(t, func() error {
		if ready, _ := pods(t, g.namespace); slices.Contains(ready, g.pod) {
			return errors.New("ready")
		}
		if err := pinned.ask("en.wikipedia.org"); err == nil {
			return errors.New("a new connection is taken")
		}
		return nil
	})
	if _, err := client.Ask(stream); err != nil {
		t.Errorf("an open stream during the drain: %v", err)
	}
	if _, err := tryKubectl("", "get", "pod", "-n", g.namespace, g.pod); err != nil {
		t.Errorf("the pod has ended before its last stream: %v", err)
	}
	stream.Close()
	begin := time.Now()
	await(t, func() error {
		if _, err := tryKubectl("", "get", "pod", "-n", g.namespace, g.pod); err == nil {
			return errors.New("the pod is still there")
		}
		return nil
	})
	t.Logf("gone %v after its last stream", time.Since(begin).Round(100*time.Millisecond))
	if events, _ := tryKubectl("", "get", "events", "-n", g.namespace, "-o", `jsonpath={range .items[*]}{.reason}: {.message}{"\n"}{end}`); strings.Contains(events, "FailedPreStopHook") {
		t.Errorf("the drain failed: %s", events)
	}
}
