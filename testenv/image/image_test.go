package image_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/exec"
	"github.com/testcontainers/testcontainers-go/wait"

	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/poll"
)

const (
	wikipediaOnly = `{"version": 1, "rules": [{"name": "wikipedia", "hosts": ["*.wikipedia.org"]}]}` + "\n"
	both          = `{"version": 1, "rules": [{"name": "all", "hosts": ["*.wikipedia.org", "cloud.ibm.com"]}]}` + "\n"
)

func TestImageAsGatewayAndAsSidecar(t *testing.T) {
	m := startMesh(t, wikipediaOnly)
	t.Run("an allowed name goes through both", func(t *testing.T) { m.wantAllowed(t, "en.wikipedia.org") })
	t.Run("another is refused by the gateway, and nothing is dialled", func(t *testing.T) {
		before := len(m.site.Connections())
		m.wantRefused(t, "cloud.ibm.com")
		m.site.WantConnections(t, before)
		m.wantStat(t, "wildcard_egress.denied.no_rule", 1)
	})
	t.Run("it runs without root, capabilities and a writable file system", m.testHardening)
	t.Run("a live connection outlives a change of the mounted policy", func(t *testing.T) {
		live := m.dial(t, "en.wikipedia.org")
		defer live.Close()
		m.writePolicy(t, both)
		m.wantStat(t, "wildcard_egress.policy_loaded", 2)
		m.wantAllowed(t, "cloud.ibm.com")
		m.wantAnswer(t, live)

		m.writePolicy(t, "rules: [")
		m.wantStat(t, "wildcard_egress.policy_stale", 1)
		m.wantAllowed(t, "cloud.ibm.com")
		m.wantAnswer(t, live)
	})
	t.Run("it drains, and ends at SIGTERM", m.testDrain)
}

// The command is in the image, and needs neither a shell nor a writable place.
func TestCommandInTheImage(t *testing.T) {
	c, err := testcontainers.Run(t.Context(), imageName(),
		testcontainers.WithEntrypoint("/usr/local/bin/wildcard-egress"), testcontainers.WithCmd("help"),
		testcontainers.WithWaitStrategy(wait.ForExit()))
	t.Cleanup(func() { finish(t, "command", c) })
	if err != nil {
		t.Fatal(err)
	}
	log, err := c.Logs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(log); err != nil || !strings.Contains(string(text), "wildcard-egress [command]") {
		t.Errorf("%v: %s", err, text)
	}
}

// testHardening looks at the processes from outside.
func (m *mesh) testHardening(t *testing.T) {
	wantHardened(t, map[string]*testcontainers.DockerContainer{"gateway": m.gateway, "sidecar": m.sidecar})
	if status, _, err := m.gateway.Exec(t.Context(), []string{"/usr/local/bin/wildcard-egress", "check", policyDir + "/policy.yaml"}, exec.Multiplexed()); err != nil || status != 0 {
		t.Errorf("wildcard-egress check in the gateway: status %d, %v", status, err)
	}
}

func wantHardened(t *testing.T, containers map[string]*testcontainers.DockerContainer) {
	t.Helper()
	for name, c := range containers {
		details, err := c.Inspect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if user := details.Config.User; user != "1337:1337" {
			t.Errorf("%s: the image's user is %q, want 1337:1337", name, user)
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", details.State.Pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"Uid:\t1337\t1337\t1337\t1337", "CapEff:\t0000000000000000", "NoNewPrivs:\t1"} {
			if !strings.Contains(string(status), want+"\n") {
				t.Errorf("%s: no line %q in its status", name, want)
			}
		}
		mounts, err := os.ReadFile(fmt.Sprintf("/proc/%d/mounts", details.State.Pid))
		if root, _, _ := strings.Cut(string(mounts), "\n"); err != nil || !strings.Contains(root, " / overlay ro,") {
			t.Errorf("%s: %v: its root is %q, want it read-only", name, err, root)
		}
	}
}

// testDrain does what Istio's agent does with a pod that ends.
func (m *mesh) testDrain(t *testing.T) {
	live := m.dial(t, "en.wikipedia.org")
	defer live.Close()
	response, err := http.Post(m.adminURL(t)+"/drain_listeners?graceful", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	m.wantAnswer(t, live)
	wantItToEnd(t, m.gateway)
}

// wantItToEnd stops a container, which must end by itself.
func wantItToEnd(t *testing.T, c *testcontainers.DockerContainer) {
	t.Helper()
	grace := time.Minute // Docker kills it then
	if err := c.Stop(context.Background(), &grace); err != nil {
		t.Fatal(err)
	}
	details, err := c.Inspect(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if details.State.ExitCode != 0 {
		t.Errorf("status %d after SIGTERM, want 0", details.State.ExitCode)
	}
}

// connect opens a connection to the sidecar as the application would. The caller
// closes it, also after an error, which is that of the handshake.
func (m *mesh) connect(t *testing.T, serverName string) (*tls.Conn, error) {
	t.Helper()
	endpoint, err := m.sidecar.PortEndpoint(t.Context(), proxyPort, "")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.DialTimeout("tcp", endpoint, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	session := tls.Client(conn, &tls.Config{ServerName: serverName, RootCAs: m.authority.Pool()})
	return session, session.Handshake()
}

func (m *mesh) dial(t *testing.T, serverName string) *tls.Conn {
	t.Helper()
	session, err := m.connect(t, serverName)
	if err != nil {
		t.Fatalf("%s: %v", serverName, err)
	}
	return session
}

func (m *mesh) wantAllowed(t *testing.T, serverName string) {
	t.Helper()
	session := m.dial(t, serverName)
	defer session.Close()
	m.wantAnswer(t, session)
}

func (m *mesh) wantRefused(t *testing.T, serverName string) {
	t.Helper()
	session, err := m.connect(t, serverName)
	if err == nil || !strings.Contains(err.Error(), "unrecognized name") {
		t.Errorf("%s: %v, want the alert unrecognized_name", serverName, err)
	}
	session.Close()
}

func (m *mesh) wantAnswer(t *testing.T, session *tls.Conn) {
	t.Helper()
	if site, err := client.Ask(session); err != nil || site != m.site.Name {
		t.Errorf("%q, %v; want the site's answer", site, err)
	}
}

func (m *mesh) adminURL(t *testing.T) string {
	t.Helper()
	url, err := m.gateway.PortEndpoint(t.Context(), adminPort, "http")
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// wantStat waits until a metric of the gateway has this value.
func (m *mesh) wantStat(t *testing.T, name string, want int) {
	t.Helper()
	line := fmt.Sprintf("%s: %d\n", name, want)
	poll.Want(t, func() error {
		response, err := http.Get(m.adminURL(t) + "/stats?filter=^" + name + "$")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if text, err := io.ReadAll(response.Body); err != nil || string(text) != line {
			return fmt.Errorf("%q (%v), want %q", text, err, line) //nolint:errorlint // it may be nil
		}
		return nil
	})
}
