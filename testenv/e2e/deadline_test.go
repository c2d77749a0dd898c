package e2e_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/logs"
)

// helloTimeout is client_hello_timeout where a test waits for it; between the
// seconds, so that a byte a second does not come at that very moment.
const helloTimeout = 2500 * time.Millisecond

// impatient allows every host name, within helloTimeout.
const impatient = "version: 1\ndefaults: {client_hello_timeout: 2500ms}\nrules: [{name: all, hosts: ['*']}]\n"

// The deadline is one for all that a client may do, and no byte puts it off.
func TestDeadlineEndsEveryKindOfWaiting(t *testing.T) {
	t.Parallel()
	whole := hello("en.wikipedia.org")
	rows := []struct {
		name  string
		send  func(net.Conn) // returns when the connection has ended
		alert bool
	}{
		{name: "nothing at all", send: silence},
		{name: "half a hello", send: once(whole[:900]), alert: true},
		{name: "a byte a second", send: dribble(whole), alert: true},
		{name: "a record of 16 KB is only announced", send: once([]byte{22, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc}), alert: true},
		{name: "a message is only begun", send: once(whole[:9]), alert: true},
	}
	for _, plain := range []bool{false, true} {
		env := testenv.Start(t, testenv.Options{Policy: impatient, WithoutSidecar: true, Plain: plain})
		failIfAny(t, fmt.Sprintf("kinds of waiting did not end as they must, plain %v", plain),
			inParallel(len(rows), len(rows), func(i int) error {
				if err := timesOut(env, rows[i].send, rows[i].alert); err != nil {
					return fmt.Errorf("%s: %w", rows[i].name, err)
				}
				return nil
			}))
		env.WantStat(t, "wildcard_egress.denied.timeout", int64(len(rows)))
		env.Upstream.WantConnections(t, 0)
		env.DNS.WantNoQueries(t)
		wantIdle(t, env)
	}
}

func timesOut(env *testenv.Env, send func(net.Conn), alert bool) error {
	begin := time.Now()
	conn, err := env.DialGateway(env.App())
	if err != nil {
		return err
	}
	defer conn.Close()
	go send(conn)
	got, err := io.ReadAll(conn) // no longer than conn's own deadline
	took := time.Since(begin)
	var want []byte
	if alert {
		want = []byte{21, 3, 3, 0, 2, 2, 40} // handshake_failure
	}
	if err != nil || !bytes.Equal(got, want) {
		return fmt.Errorf("read % x, %v; want % x and the end of the stream", got, err, want) //nolint:errorlint // it may be nil
	}
	if took < helloTimeout {
		return fmt.Errorf("closed after %v, want %v at least", took, helloTimeout)
	}
	entry, err := env.GatewayLog.Wait(logs.From(conn.LocalAddr()))
	if err == nil && entry.Get("reason") != "timeout" {
		err = fmt.Errorf("access log %v; want timeout as reason and details", entry)
	}
	return err
}

func silence(net.Conn) {}

func once(b []byte) func(net.Conn) {
	return func(conn net.Conn) { _, _ = conn.Write(b) }
}

func dribble(b []byte) func(net.Conn) {
	return func(conn net.Conn) {
		ticks := time.NewTicker(time.Second)
		defer ticks.Stop()
		for i := range b {
			if _, err := conn.Write(b[i : i+1]); err != nil {
				return
			}
			<-ticks.C
		}
	}
}

// The outer handshake has a limit of its own; what it took is not taken from
// the hello's time.
func TestDeadlineBeginsAtTheEndOfTheOuterHandshake(t *testing.T) {
	t.Parallel()
	env := testenv.Start(t, testenv.Options{Policy: impatient, WithoutSidecar: true})
	tcp, err := net.Dial("tcp", env.GatewayAddr)
	if err != nil {
		t.Fatal(err)
	}
	<-time.After(helloTimeout + 100*time.Millisecond) // the outer handshake is this slow
	outer := tls.Client(tcp, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{*env.Identities.App}})
	defer outer.Close()
	if err := outer.Handshake(); err != nil {
		t.Fatal(err)
	}
	if _, err := env.Handshake(outer, "en.wikipedia.org"); err != nil {
		t.Errorf("a hello right behind a slow outer handshake: %v", err)
	}
}

// A client that stalls in the outer handshake never reaches the filter.
func TestOuterHandshakeHasALimit(t *testing.T) {
	t.Parallel()
	env := testenv.Start(t, testenv.Options{Policy: anyHost, WithoutSidecar: true, EditGateway: replaced(
		"transport_socket_connect_timeout: 10s", "transport_socket_connect_timeout: 1s",
		"listener_filters_timeout: 5s", "listener_filters_timeout: 1s")})
	sent := [][]byte{nil, hello("outer.test")[:500], hello("outer.test")}
	failIfAny(t, "stalled outer handshakes did not end in time", inParallel(len(sent), len(sent), func(i int) error {
		conn, err := net.Dial("tcp", env.GatewayAddr)
		if err != nil {
			return err
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			return err
		}
		if _, err := conn.Write(sent[i]); err != nil {
			return err
		}
		if _, err := io.ReadAll(conn); err != nil && !errors.Is(err, syscall.ECONNRESET) {
			return fmt.Errorf("%d bytes of a hello: %w", len(sent[i]), err)
		}
		return nil
	}))
	env.Upstream.WantConnections(t, 0)
	wantIdle(t, env)
}

// replaced edits a bootstrap by pairs of old and new, each of which must be there.
func replaced(pairs ...string) func([]byte) ([]byte, error) {
	return func(bootstrap []byte) ([]byte, error) {
		for i := 0; i < len(pairs); i += 2 {
			if !bytes.Contains(bootstrap, []byte(pairs[i])) {
				return nil, fmt.Errorf("no %q in the bootstrap", pairs[i])
			}
			bootstrap = bytes.ReplaceAll(bootstrap, []byte(pairs[i]), []byte(pairs[i+1]))
		}
		return bootstrap, nil
	}
}

// Thousands of silent connections end in time and leave no memory behind: a round
// is compared with those before, for the allocator keeps what it had, and how many
// live at once is the machine's load. WILDCARD_EGRESS_LONG has them come by mTLS.
func TestSilentConnectionsEndInTimeAndLeaveNoMemory(t *testing.T) {
	const silent = 5000
	o := testenv.Options{Policy: impatient, WithoutSidecar: true, Plain: true, GatewayFlags: []string{"--max-waiting", "20000"}}
	if os.Getenv("WILDCARD_EGRESS_LONG") != "" { // so many handshakes at once take a busy machine long
		o.Plain, o.EditGateway = false, replaced("transport_socket_connect_timeout: 10s", "transport_socket_connect_timeout: 120s",
			"listener_filters_timeout: 5s", "listener_filters_timeout: 60s")
	}
	env := testenv.Start(t, o)
	round := 0
	wantGrowthToEnd(t, func() int64 {
		round++
		latest := keepSilent(t, env, silent)
		t.Logf("round %d: the last of %d connections ended %v after its deadline", round, silent, latest-helloTimeout)
		env.WantStat(t, "wildcard_egress.denied.timeout", int64(silent*round))
		env.WantStat(t, activeConnections, 0)
		usage, err := env.Gateway.Usage()
		if err != nil {
			t.Fatal(err)
		}
		if usage.OpenFiles > 200 {
			t.Errorf("round %d left %d open files", round, usage.OpenFiles)
		}
		return usage.ResidentBytes
	})
	wantIdle(t, env)
}

// wantGrowthToEnd has rounds of the same work until one of them leaves no more
// memory resident than those before, by a tenth of what the first one left. What
// leaks grows with each.
func wantGrowthToEnd(t *testing.T, round func() (resident int64)) {
	t.Helper()
	first := round()
	left := []int64{first}
	for range 5 {
		now := round()
		grown := now - slices.Max(left)
		if left = append(left, now); grown <= first/10 {
			t.Logf("resident after each round: %d bytes", left)
			return
		}
	}
	t.Errorf("each round leaves more memory resident, to the last: %d bytes", left)
}

// keepSilent opens n connections, says nothing, and returns how long the
// longest lived from the end of its outer handshake.
func keepSilent(t *testing.T, env *testenv.Env, n int) time.Duration {
	t.Helper()
	var longest atomic.Int64
	failIfAny(t, "silent connections failed", inParallel(n, n, func(int) error {
		conn, err := env.DialGateway(env.App())
		if err != nil {
			return err
		}
		defer conn.Close()
		begin := time.Now()
		_, err = io.ReadAll(conn)
		for life := int64(time.Since(begin)); life > longest.Load(); {
			longest.CompareAndSwap(longest.Load(), life)
		}
		return err
	}))
	return time.Duration(longest.Load())
}
