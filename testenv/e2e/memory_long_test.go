//go:build long

package e2e_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/dns"
	"wildcard-egress/testenv/poll"
	"wildcard-egress/testenv/sites"
)

// As many connections as the gateway takes, of 64 callers, all stuck: clients that
// do not read, sites that do not, and 600 KB behind a hello whose name DNS does not
// answer. With the rendered memory limit, and with a quarter of it, the gateway
// lives, and serves another caller.
func TestMemoryIsBoundedByTheControlGroup(t *testing.T) {
	const callers, each = 64, 125
	for _, limit := range []int64{2 << 30, 512 << 20} {
		t.Run(fmt.Sprintf("%d MiB", limit>>20), func(t *testing.T) {
			group := enterControlGroup(t, limit)
			env := testenv.Start(t, testenv.Options{Policy: wikipedia, WithoutSidecar: true, Plain: true,
				Sites: []string{"en.wikipedia.org"}, GatewayArgs: []string{"--log-level", "warning"}, GatewayFlags: []string{"--max-waiting", "8192"}})
			group.leave(t)
			addStuckSites(t, env)
			refused := 0
			var held []net.Conn
			defer func() {
				for _, conn := range held {
					conn.Close()
				}
			}()
			for i := range callers * each {
				conn, err := env.DialGateway(client.Outer{From: fmt.Sprintf("127.0.9.%d", 1+i%callers)})
				if err != nil {
					refused++
					continue
				}
				held = append(held, conn)
				go stuff(conn, stuckNames[i%len(stuckNames)])
			}
			if err := poll.For(2*time.Minute, func() error {
				_, err := env.GetDirect(client.Outer{From: "127.0.0.2"}, "en.wikipedia.org")
				return err
			}); err != nil {
				t.Errorf("another caller: %v", err)
			}
			env.WantAlive(t)
			stat := func(name string) int64 {
				n, err := env.Gateway.Stat(name)
				if err != nil {
					t.Error(err)
				}
				return n
			}
			t.Logf("%d stuck connections, %d not dialled: %d downstream are open; the group had %d MiB at most; %d were refused or ended for want of memory",
				len(held), refused, stat(activeConnections), group.peak(t)>>20, stat("wildcard_egress.denied.too_little_memory"))
		})
	}
}

var stuckNames = []string{"pours.wikipedia.org", "blocks.wikipedia.org", "silent.wikipedia.org"}

func addStuckSites(t *testing.T, env *testenv.Env) {
	t.Helper()
	for name, serve := range map[string]func(net.Conn){
		"pours.wikipedia.org": func(conn net.Conn) { // a client that does not read
			block := make([]byte, 64<<10)
			for {
				if _, err := conn.Write(block); err != nil {
					return
				}
			}
		},
		"blocks.wikipedia.org": func(net.Conn) { <-t.Context().Done() },
	} {
		if _, err := env.AddSite(sites.Options{Names: []string{name}, Serve: serve}); err != nil {
			t.Fatal(err)
		}
	}
	env.DNS.Set("silent.wikipedia.org", dns.Answer{Silent: true})
}

// stuff sends a hello and, but to the site that pours, what the gateway takes.
func stuff(conn net.Conn, name string) {
	if _, err := conn.Write(hello(name)); err != nil || name == stuckNames[0] {
		return
	}
	_, _ = conn.Write(make([]byte, 600<<10))
}

// controlGroup is one for memory, of version 1 or 2, in which this test starts an
// Envoy.
type controlGroup struct{ dir, outside, limit, peakFile string }

// enterControlGroup makes one below the group of this process, and enters it.
func enterControlGroup(t *testing.T, limit int64) controlGroup {
	t.Helper()
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	g := controlGroup{outside: "/sys/fs/cgroup", limit: "memory.max", peakFile: "memory.peak"}
	for line := range strings.Lines(string(own)) {
		if parts := strings.SplitN(strings.TrimSpace(line), ":", 3); parts[1] == "memory" {
			g = controlGroup{outside: "/sys/fs/cgroup/memory" + parts[2], limit: "memory.limit_in_bytes", peakFile: "memory.max_usage_in_bytes"}
		}
	}
	g.dir = filepath.Join(g.outside, fmt.Sprintf("wildcard-egress-test-%d-%d", os.Getpid(), limit))
	err = os.Mkdir(g.dir, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(g.dir, g.limit), []byte(strconv.FormatInt(limit, 10)), 0o644)
	}
	if err == nil {
		err = g.enter(g.dir)
	}
	if err != nil {
		t.Fatalf("%v; this test makes control groups: run it as root where %s can be written", err, g.outside)
	}
	t.Cleanup(func() {
		_ = poll.For(10*time.Second, func() error { return os.Remove(g.dir) })
	})
	return g
}

func (g controlGroup) enter(dir string) error {
	return os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(os.Getpid())), 0o644)
}

// leave has this process, but not its children, leave.
func (g controlGroup) leave(t *testing.T) {
	t.Helper()
	if err := g.enter(g.outside); err != nil {
		t.Fatal(err)
	}
}

func (g controlGroup) peak(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(g.dir, g.peakFile))
	n, bad := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err := errors.Join(err, bad); err != nil {
		t.Error(err)
	}
	return n
}
