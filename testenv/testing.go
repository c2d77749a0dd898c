package testenv

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// This file alone knows of package testing. Everything named Want... waits
// until it holds, and fails the test if it does not in time.

const wantTimeout = 5 * time.Second

// Start is New for a test: what does not start fails it, Close is its cleanup.
func Start(t testing.TB, o Options) *Env {
	t.Helper()
	e, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.finish(t) })
	return e
}

// finish shows the Envoys' logs if the test has failed, or if TESTENV_LOGS is set.
func (e *Env) finish(t testing.TB) {
	t.Helper()
	logs := e.Logs(64 << 10) // Close removes them
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if t.Failed() || os.Getenv("TESTENV_LOGS") != "" {
		t.Log(logs)
	}
}

// WantStat waits until the gateway's counter or gauge has this value.
func (e *Env) WantStat(t testing.TB, name string, want int64) {
	t.Helper()
	wantSoon(t, func() error {
		got, err := e.Gateway.Stat(name)
		if err == nil && got != want {
			err = fmt.Errorf("stat %s = %d, want %d", name, got, want)
		}
		return err
	})
}

// WantAlive fails if one of the Envoys has ended.
func (e *Env) WantAlive(t testing.TB) {
	t.Helper()
	for _, envoy := range []*Envoy{e.Gateway, e.Sidecar} {
		if envoy == nil {
			continue
		}
		if err := envoy.Alive(); err != nil {
			t.Error(err)
		}
	}
}

// WantConnections waits until exactly n connections have reached all sites.
func (u *Upstreams) WantConnections(t testing.TB, n int) {
	t.Helper()
	wantSoon(t, func() error { return wantCount("connections to all sites", u.Connections(), n) })
}

// WantConnections waits until exactly n connections have reached the site.
func (s *Site) WantConnections(t testing.TB, n int) {
	t.Helper()
	wantSoon(t, func() error { return wantCount("connections to "+s.Name, len(s.Connections()), n) })
}

// WantQueries waits until DNS was asked for name, or fails.
func (d *DNS) WantQueries(t testing.TB, name string) {
	t.Helper()
	wantSoon(t, func() error {
		if d.Asked(name) == 0 {
			return fmt.Errorf("no DNS query for %q among %v", name, d.Queries())
		}
		return nil
	})
}

// WantNoQueries fails if DNS was asked for anything.
func (d *DNS) WantNoQueries(t testing.TB) {
	t.Helper()
	if queries := d.Queries(); len(queries) > 0 {
		t.Errorf("DNS was asked %v, want no query", queries)
	}
}

// WantEntry waits for the line that match accepts and fails the test without.
func (l *AccessLog) WantEntry(t testing.TB, match func(Entry) bool) Entry {
	t.Helper()
	entry, err := l.Wait(match)
	if err != nil {
		t.Fatal(err)
	}
	return entry
}

func wantCount(what string, got, want int) error {
	if got != want {
		return fmt.Errorf("%d %s, want %d", got, what, want)
	}
	return nil
}

func wantSoon(t testing.TB, check func() error) {
	t.Helper()
	if err := pollFor(wantTimeout, check); err != nil {
		t.Error(err)
	}
}
