package testenv

import (
	"fmt"
	"os"
	"testing"

	"wildcard-egress/testenv/envoys"
	"wildcard-egress/testenv/poll"
)

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
	poll.Want(t, func() error {
		got, err := e.Gateway.Stat(name)
		if err == nil && got != want {
			err = fmt.Errorf("stat %s = %d, want %d", name, got, want)
		}
		return err
	})
}

// WantMetric waits until the gateway has a series of Prometheus with this value (of
// a histogram, with so many values); labels are as Metrics.Value has them.
func (e *Env) WantMetric(t testing.TB, name, labels string, want float64) {
	t.Helper()
	poll.Want(t, func() error {
		all, err := e.Gateway.Metrics()
		if err != nil {
			return err
		}
		if got, ok := all.Value(name, labels); got != want || !ok {
			return fmt.Errorf("%s{%s} = %v (there: %v), want %v", name, labels, got, ok, want)
		}
		return nil
	})
}

// WantAlive fails if one of the Envoys has ended.
func (e *Env) WantAlive(t testing.TB) {
	t.Helper()
	for _, envoy := range []*envoys.Envoy{e.Gateway, e.Sidecar} {
		if envoy == nil {
			continue
		}
		if err := envoy.Alive(); err != nil {
			t.Error(err)
		}
	}
}
