package image_test

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/exec"
	"github.com/testcontainers/testcontainers-go/wait"

	"wildcard-egress/testenv/built"
	"wildcard-egress/testenv/certs"
	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/poll"
	"wildcard-egress/testenv/ztunnel"
)

const (
	hbonePort   = "15008/tcp"
	healthPort  = "15021/tcp"
	ambientName = "waypoint.test" // of the gateway's container, for the network's DNS

	// asZtunnel, in the environment, has this test binary be the ztunnel of a pod.
	asZtunnel = "WILDCARD_EGRESS_AS_ZTUNNEL"
	ownBinary = "/ztunnel"
)

// plainImage is the image on a plain Envoy.
func plainImage() string { return cmp.Or(os.Getenv("PLAIN_IMAGE"), "wildcard-egress-plain:dev") }

// standInForZtunnel serves HBONE in the gateway's network until it is killed.
func standInForZtunnel() int {
	err := ztunnel.StartInPod("/etc/ztunnel/cert.pem", "/etc/ztunnel/cert-key.pem", "/etc/ztunnel/ca.pem")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("ready")
	select {}
}

// pod is a gateway of the plain image with a ztunnel in its network, as in a pod.
type pod struct {
	*mesh
	client client.Client
}

func startPod(t *testing.T, policy string) *pod {
	t.Helper()
	p := &pod{mesh: &mesh{dir: t.TempDir()}}
	p.startNetwork(t)
	p.startSite(t)
	var err error
	if p.identities, err = certs.NewIdentities(); err != nil {
		t.Fatal(err)
	}
	p.writePolicy(t, policy)
	p.startPlain(t)
	p.startZtunnel(t)
	hbone, err := p.gateway.PortEndpoint(t.Context(), hbonePort, "")
	if err != nil {
		t.Fatal(err)
	}
	p.client = client.Client{Identities: p.identities, SiteAuthority: p.authority,
		Ztunnel: &ztunnel.Dialer{Server: hbone, Authority: p.identities.Authority, Timeout: client.DialTimeout}}
	t.Cleanup(func() { p.client.Ztunnel.Close() })
	return p
}

// startPlain runs the plain image with the command of the manifests.
func (p *pod) startPlain(t *testing.T) {
	t.Helper()
	dir := p.folder(t, "gateway")
	bootstrap, err := built.Bootstrap(t.Context(), "gateway", "--ambient", "--admin", "127.0.0.1:15000",
		"--upstream-port", fmt.Sprint(p.site.AddrPort().Port()), "--address-guard", "off", policyDir+"/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "envoy.yaml"), string(bootstrap))
	allowReading(t, p.dir)
	p.gateway = run(t, "gateway", testcontainers.ContainerRequest{
		Image:        plainImage(),
		Entrypoint:   []string{"/usr/local/bin/envoy"},
		Cmd:          []string{"--config-path", "/etc/wildcard-egress-envoy/envoy.yaml", "--concurrency", "1", "--disable-hot-restart"},
		ExposedPorts: []string{hbonePort, healthPort},
		Networks:     []string{p.network}, NetworkAliases: map[string][]string{p.network: {ambientName}},
		HostConfigModifier: func(c *container.HostConfig) {
			harden(c, dir+":/etc/wildcard-egress-envoy:ro", filepath.Join(p.dir, "policy")+":"+policyDir+":ro")
			p.nameSites(c)
		},
		WaitingFor: wait.ForHTTP("/healthz/ready").WithPort(healthPort).WithStartupTimeout(30 * time.Second).WithPollInterval(50 * time.Millisecond),
	})
}

// startZtunnel runs this test binary in the gateway's network.
func (p *pod) startZtunnel(t *testing.T) {
	t.Helper()
	dir := p.folder(t, "ztunnel")
	_, _, err := certs.WriteFiles(p.identities.Gateway, dir, "cert")
	if err == nil {
		_, err = p.identities.Authority.WriteFile(dir, "ca")
	}
	own, ownErr := os.Executable()
	if err = errors.Join(err, ownErr); err != nil {
		t.Fatal(err)
	}
	allowReading(t, p.dir)
	run(t, "ztunnel", testcontainers.ContainerRequest{
		Image:      plainImage(),
		Entrypoint: []string{ownBinary},
		Env:        map[string]string{asZtunnel: "1"},
		HostConfigModifier: func(c *container.HostConfig) {
			harden(c, dir+":/etc/ztunnel:ro", own+":"+ownBinary+":ro")
			c.NetworkMode = container.NetworkMode("container:" + p.gateway.GetContainerID())
		},
		WaitingFor: wait.ForLog("ready").WithStartupTimeout(30 * time.Second).WithPollInterval(50 * time.Millisecond),
	})
}

func (p *pod) folder(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(p.dir, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// The plain image behind ztunnel, with the command, the rights and the paths that
// the ambient manifests give it.
func TestPlainImageBehindZtunnel(t *testing.T) {
	p := startPod(t, wikipediaOnly)
	t.Run("an allowed name, for the caller that HBONE names", func(t *testing.T) {
		if site, err := p.client.Get("en.wikipedia.org"); err != nil || site != p.site.Name {
			t.Errorf("%q, %v; want the site's answer", site, err)
		}
	})
	t.Run("another is refused with an alert, and nothing is dialled", func(t *testing.T) {
		before := len(p.site.Connections())
		if _, err := p.client.Get("cloud.ibm.com"); err == nil || !strings.Contains(err.Error(), "unrecognized name") {
			t.Errorf("%v, want the alert unrecognized_name", err)
		}
		p.site.WantConnections(t, before)
	})
	t.Run("nobody without a certificate comes in", func(t *testing.T) {
		if site, err := p.client.GetDirect(client.Outer{}, "en.wikipedia.org"); err == nil {
			t.Errorf("%s answers", site)
		}
	})
	t.Run("nobody reaches the gateway past ztunnel", p.testLoopback)
	t.Run("it runs without root, capabilities and a writable file system", func(t *testing.T) {
		wantHardened(t, map[string]*testcontainers.DockerContainer{"gateway": p.gateway})
	})
	t.Run("preflight can ask in it", p.testInPod)
	t.Run("an edit of the mounted policy", func(t *testing.T) {
		live, err := p.client.Dial("en.wikipedia.org")
		if err != nil {
			t.Fatal(err)
		}
		defer live.Close()
		p.writePolicy(t, both)
		poll.Want(t, func() error {
			_, err := p.client.Get("cloud.ibm.com")
			return err
		})
		p.wantAnswer(t, live)
	})
	t.Run("it ends at SIGTERM", func(t *testing.T) { wantItToEnd(t, p.gateway) })
}

func (p *pod) testLoopback(t *testing.T) {
	address, err := p.gateway.ContainerIP(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, port := range []string{"15088", "15000"} {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(address, port), 10*time.Second)
		if err == nil {
			conn.Close()
			t.Errorf("%s:%s answers", address, port)
		}
	}
}

// testInPod runs what preflight runs by kubectl exec.
func (p *pod) testInPod(t *testing.T) {
	for _, tt := range []struct{ what, of, want string }{
		{"get", "/server_info", `"state": "LIVE"`},
		{"lookup", ambientName, "."}, // an address
		{"lookup", "nobody." + ambientName, ""},
	} {
		status, out, err := p.gateway.Exec(t.Context(), []string{"/usr/local/bin/wildcard-egress", "in-pod", tt.what, tt.of}, exec.Multiplexed())
		if err != nil {
			t.Fatal(err)
		}
		if text, _ := io.ReadAll(out); status != 0 || !strings.Contains(string(text), tt.want) || tt.want == "" && len(text) > 0 {
			t.Errorf("in-pod %s %s: status %d, %.200q; want %q in it", tt.what, tt.of, status, text, tt.want)
		}
	}
}
