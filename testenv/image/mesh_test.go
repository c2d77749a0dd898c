package image_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	moby "github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/network"
	"github.com/testcontainers/testcontainers-go/wait"

	"wildcard-egress/testenv/built"
	"wildcard-egress/testenv/certs"
	"wildcard-egress/testenv/sites"
)

func TestMain(m *testing.M) {
	// The reaper is an image of a registry; each test removes what it starts.
	os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
	os.Setenv("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1")
	if os.Getenv(asZtunnel) != "" {
		os.Exit(standInForZtunnel())
	}
	os.Exit(m.Run())
}

// imageName is the image under test.
func imageName() string {
	if name := os.Getenv("IMAGE"); name != "" {
		return name
	}
	return "wildcard-egress:dev"
}

const (
	gatewayName = "egressgateway.istio-egress.test"
	policyDir   = "/etc/wildcard-egress" // as the manifests have it
	proxyPort   = "8443/tcp"
	adminPort   = "9901/tcp"
)

// mesh is a sidecar and a gateway in containers on a network of their own, and a
// site on this machine that they reach by the names of siteNames.
type mesh struct {
	site             *sites.Site
	identities       *certs.Identities
	authority        *certs.Authority // the site's
	dir              string           // with a folder for each container
	host             string           // this machine, on the network
	network          string
	gateway, sidecar *testcontainers.DockerContainer
}

var siteNames = []string{"en.wikipedia.org", "cloud.ibm.com"}

func startMesh(t *testing.T, policy string) *mesh {
	t.Helper()
	m := &mesh{dir: t.TempDir()}
	m.startNetwork(t)
	m.startSite(t)
	var err error
	if m.identities, err = certs.NewIdentities(); err != nil {
		t.Fatal(err)
	}
	m.writePolicy(t, policy)
	m.gateway = m.start(t, "gateway", m.identities.Gateway)
	m.sidecar = m.start(t, "sidecar", m.identities.App, "--gateway", gatewayName+":8443", "--gateway-principal", certs.GatewayID)
	return m
}

func (m *mesh) startNetwork(t *testing.T) {
	t.Helper()
	net, err := network.New(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := net.Remove(context.Background()); err != nil {
			t.Error(err)
		}
	})
	m.network = net.Name
	docker, err := testcontainers.NewDockerClientWithOpts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer docker.Close()
	details, err := docker.NetworkInspect(t.Context(), net.ID, moby.NetworkInspectOptions{})
	if err != nil || len(details.Network.IPAM.Config) == 0 {
		t.Fatalf("network %s: %v: no address of this machine in it", net.Name, err)
	}
	m.host = details.Network.IPAM.Config[0].Gateway.String()
}

func (m *mesh) startSite(t *testing.T) {
	t.Helper()
	var err error
	if m.authority, err = certs.NewAuthority("sites"); err != nil {
		t.Fatal(err)
	}
	certificate, err := m.authority.Issue(certs.Subject{DNSNames: siteNames})
	if err != nil {
		t.Fatal(err)
	}
	m.site, err = sites.Start(net.JoinHostPort(m.host, "0"), sites.Options{Names: siteNames, Certificate: certificate})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.site.Close() })
}

// start runs the image as one side, the way the manifests run it.
func (m *mesh) start(t *testing.T, kind string, identity *tls.Certificate, flags ...string) *testcontainers.DockerContainer {
	t.Helper()
	dir := m.configure(t, kind, identity, flags...)
	request := testcontainers.ContainerRequest{
		Image:        imageName(),
		Entrypoint:   []string{"/usr/local/bin/envoy"},
		Cmd:          []string{"--config-path", "/etc/envoy/bootstrap.yaml", "--concurrency", "1", "--file-flush-interval-msec", "50"},
		ExposedPorts: []string{proxyPort, adminPort},
		Networks:     []string{m.network},
		NetworkAliases: map[string][]string{m.network: {map[string]string{
			"gateway": gatewayName, "sidecar": "sidecar.test",
		}[kind]}},
		HostConfigModifier: func(c *container.HostConfig) {
			harden(c, dir+":/etc/envoy:ro", filepath.Join(m.dir, "policy")+":"+policyDir+":ro")
			m.nameSites(c)
		},
		WaitingFor: wait.ForHTTP("/ready").WithPort(adminPort).WithStartupTimeout(30 * time.Second).WithPollInterval(50 * time.Millisecond),
	}
	return run(t, kind, request)
}

// harden takes from a container what the manifests take.
func harden(c *container.HostConfig, mounts ...string) {
	c.ReadonlyRootfs = true
	c.CapDrop = []string{"ALL"}
	c.SecurityOpt = []string{"no-new-privileges"}
	c.Binds = mounts
}

// nameSites has a container find the site by its names.
func (m *mesh) nameSites(c *container.HostConfig) {
	for _, name := range siteNames {
		c.ExtraHosts = append(c.ExtraHosts, name+":"+m.host)
	}
}

func run(t *testing.T, kind string, request testcontainers.ContainerRequest) *testcontainers.DockerContainer {
	t.Helper()
	started, err := testcontainers.Run(t.Context(), request.Image, testcontainers.CustomizeRequest(
		testcontainers.GenericContainerRequest{ContainerRequest: request, Started: true}))
	t.Cleanup(func() { finish(t, kind, started) })
	if err != nil {
		t.Fatal(err)
	}
	return started
}

// finish removes a container, and shows its log if the test has failed.
func finish(t *testing.T, kind string, c *testcontainers.DockerContainer) {
	t.Helper()
	if c == nil {
		return
	}
	if t.Failed() {
		if log, err := c.Logs(context.Background()); err == nil {
			text, _ := io.ReadAll(log)
			t.Logf("--- log of %s\n%s", kind, text[max(0, len(text)-8192):])
		}
	}
	if err := c.Terminate(context.Background()); err != nil {
		t.Error(err)
	}
}

// configure writes what one side needs, readable for the image's user.
func (m *mesh) configure(t *testing.T, kind string, identity *tls.Certificate, flags ...string) string {
	t.Helper()
	dir := filepath.Join(m.dir, kind)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	_, _, err := certs.WriteFiles(identity, dir, "cert")
	if err == nil {
		_, err = m.identities.Authority.WriteFile(dir, "ca")
	}
	if err != nil {
		t.Fatal(err)
	}
	// The sidecar lets both sites through, so that the gateway's policy decides.
	both := filepath.Join(dir, "policy.yaml")
	writeFile(t, both, fmt.Sprintf("{version: 1, rules: [{name: all, hosts: [%s]}]}\n", strings.Join(siteNames, ", ")))
	args := append([]string{
		"--policy", map[string]string{"gateway": policyDir + "/policy.yaml", "sidecar": both}[kind],
		"--listen", "0.0.0.0:8443", "--admin", "0.0.0.0:9901",
		"--cert", "/etc/envoy/cert.pem", "--key", "/etc/envoy/cert-key.pem", "--ca", "/etc/envoy/ca.pem",
		"--upstream-port", fmt.Sprint(m.site.AddrPort().Port()), "--address-guard", "off",
	}, flags...)
	bootstrap, err := built.Bootstrap(t.Context(), kind, args...)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "bootstrap.yaml"), string(bootstrap))
	allowReading(t, m.dir)
	return dir
}

// writePolicy does what kubelet does with a ConfigMap: a new folder, and a link
// to it that is replaced at once.
func (m *mesh) writePolicy(t *testing.T, text string) {
	t.Helper()
	dir := filepath.Join(m.dir, "policy")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	fresh, err := os.MkdirTemp(dir, "..version") //nolint:usetesting // in the folder that the container has
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(fresh, "policy.yaml"), text)
	allowReading(t, m.dir)
	link := filepath.Join(dir, "..data")
	if err := os.Symlink(filepath.Base(fresh), link+"_tmp"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link+"_tmp", link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("..data/policy.yaml", filepath.Join(dir, "policy.yaml")); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func allowReading(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || entry.Type()&fs.ModeSymlink != 0:
			return err
		case entry.IsDir():
			return os.Chmod(path, 0o755)
		}
		return os.Chmod(path, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}
