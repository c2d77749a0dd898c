package e2e_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/built"
	"wildcard-egress/testenv/poll"
)

// A gateway that is shut down: from the first moment it is not ready; it takes new
// connections until nobody is sent to it any more, and then none; open streams go
// on to the drain's end, which comes early when there are none.
func TestDrain(t *testing.T) {
	for name, ambient := range map[string]bool{"behind ztunnel": true, "with mTLS": false} {
		t.Run(name, func(t *testing.T) {
			env := testenv.Start(t, testenv.Options{Policy: wikipedia, Ambient: ambient, WithoutSidecar: true})
			stays, goes := dialDirect(t, env), dialDirect(t, env)

			grace := startDrain(t, env, "--grace", "1h")
			poll.Want(t, func() error { return wantDraining(env) })
			if site, err := env.GetDirect(env.App(), "en.wikipedia.org"); err != nil {
				t.Errorf("a new connection, while some may still be sent here: %q, %v", site, err)
			}
			grace.kill()

			draining := startDrain(t, env, "--grace", "0s", "--for", "1h")
			wantNoMore(t, env)
			if err := wantSite(goes, "en.wikipedia.org"); err != nil {
				t.Errorf("an open stream: %v", err)
			}
			goes.Close()
			if draining.ended() {
				t.Error("the drain has ended before its last stream")
			}
			if out, err := built.Run(t.Context(), "drain", "--admin", env.Gateway.AdminAddr(), "--port", "0", "--grace", "0s", "--for", "0s"); exitStatus(err) != 1 ||
				!strings.HasSuffix(string(out), " still open\n") {
				t.Errorf("a drain that is over while a stream is open: %v, %q; want status 1, and how many are open", err, out)
			}
			if err := wantSite(stays, "en.wikipedia.org"); err != nil {
				t.Errorf("an open stream at the end of the drain: %v", err)
			}
			stays.Close()
			poll.Want(t, func() error {
				if !draining.ended() {
					return errors.New("all streams have ended, and the drain has not")
				}
				return nil
			})
			if err := <-draining.result; err != nil {
				t.Errorf("all streams have ended: %v", err)
			}
			env.WantAlive(t)
		})
	}
}

// wantDraining asks for readiness as a probe does: of a gateway with mTLS, by its
// admin interface.
func wantDraining(env *testenv.Env) error {
	url := "http://" + env.Gateway.AdminAddr() + "/ready"
	if env.HealthAddr != "" {
		url = "http://" + env.HealthAddr + "/healthz/ready"
	}
	response, err := http.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if body, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusServiceUnavailable || string(body) != "DRAINING\n" {
		return errors.New("readiness: " + response.Status + " " + string(body))
	}
	return nil
}

// wantNoMore waits until no connection is taken, where metrics still are to be had.
func wantNoMore(t *testing.T, env *testenv.Env) {
	t.Helper()
	poll.Want(t, func() error {
		conn, err := env.DialDirect(env.App(), "en.wikipedia.org")
		if err == nil {
			conn.Close()
			return errors.New("a new connection is taken")
		}
		return wantDraining(env)
	})
	if env.HealthAddr == "" {
		return
	}
	response, err := http.Get("http://" + env.HealthAddr + "/stats/prometheus")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("metrics during the drain: %s", response.Status)
	}
}

func dialDirect(t *testing.T, env *testenv.Env) *tls.Conn {
	t.Helper()
	conn, err := env.DialDirect(env.App(), "en.wikipedia.org")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	do(t, conn.SetDeadline(time.Now().Add(2*time.Minute))) // it outlives two drains
	return conn
}

// drainRun is a `wildcard-egress drain` that runs.
type drainRun struct {
	result chan error
	kill   context.CancelFunc
}

func startDrain(t *testing.T, env *testenv.Env, flags ...string) *drainRun {
	t.Helper()
	ctx, kill := context.WithCancel(t.Context())
	d := &drainRun{make(chan error, 1), kill}
	t.Cleanup(kill)
	go func() {
		_, err := built.Run(ctx, append([]string{"drain", "--admin", env.Gateway.AdminAddr(), "--port", "0"}, flags...)...)
		d.result <- err
	}()
	return d
}

func (d *drainRun) ended() bool { return len(d.result) > 0 }

func exitStatus(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return -1
}
