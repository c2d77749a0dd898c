// Package e2e_test tries the whole path with real things: an application's TLS
// client, sidecar and gateway Envoys with mTLS between them, DNS, TLS sites.
package e2e_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"sync"
	"testing"

	"wildcard-egress/filter/clienthello/hellotest"
	"wildcard-egress/testenv"
	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/logs"
)

const wikipedia = `
version: 1
rules:
- name: wikipedia
  hosts: ["*.wikipedia.org"]
`

// hello is a browser's ClientHello, 2 KB in one record.
func hello(serverName string) []byte { return hellotest.Whole(hellotest.Chrome(serverName).Message()) }

// dialGateway connects as the sidecar does, past it.
func dialGateway(t *testing.T, env *testenv.Env) client.Conn {
	t.Helper()
	conn, err := env.DialGateway(env.App())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// lineOf accepts the access log line of a connection that was just opened: an
// earlier one with its port may have left a line too.
func lineOf(t *testing.T, env *testenv.Env, conn net.Conn) func(logs.Entry) bool {
	t.Helper()
	from := logs.From(conn.LocalAddr())
	entries, err := env.GatewayLog.Entries()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	earlier := map[string]bool{}
	for _, entry := range entries {
		if from(entry) {
			earlier[entry.Get("time")] = true
		}
	}
	return func(entry logs.Entry) bool { return from(entry) && !earlier[entry.Get("time")] }
}

// snapshot is env.Snapshot for tests.
func snapshot(t *testing.T, env *testenv.Env) testenv.Snapshot {
	t.Helper()
	s, err := env.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func since(t *testing.T, env *testenv.Env, s testenv.Snapshot) testenv.Change {
	t.Helper()
	change, err := env.Since(s)
	if err != nil {
		t.Fatal(err)
	}
	return change
}

// inParallel runs f for 0 to n-1, width at a time, and returns all errors.
func inParallel(n, width int, f func(i int) error) (errs []error) {
	var mu sync.Mutex
	var running sync.WaitGroup
	slots := make(chan struct{}, width)
	for i := range n {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			if err := f(i); err != nil {
				mu.Lock()
				errs = append(errs, err)
				mu.Unlock()
			}
		})
	}
	running.Wait()
	return errs
}

func failIfAny(t *testing.T, what string, errs []error) {
	t.Helper()
	if len(errs) > 0 {
		t.Errorf("%d %s; the first: %v", len(errs), what, errs[0])
	}
}

// wantSite fails unless the session ends at the site of this name.
func wantSite(conn *tls.Conn, name string) error {
	site, err := client.Ask(conn)
	if err == nil && site != name {
		err = fmt.Errorf("%s answered for %s", site, name)
	}
	return err
}
