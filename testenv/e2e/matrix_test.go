package e2e_test

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"wildcard-egress/filter/clienthello"
	"wildcard-egress/filter/clienthello/hellotest"
	"wildcard-egress/testenv"
	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/sites"
)

const anyHost = `
version: 1
rules:
- name: all
  hosts: ["*"]
`

// verdict is what must come of one kind of input.
type verdict struct {
	reason string // empty: allowed
	detail string
	alert  byte // the TLS alert's description; 0: no byte

	// orDetail serves as well: bytes that were sent one by one may come together,
	// and then name their protocol.
	orDetail string
}

// verdictOf is the verdict in the words of the access log, under a policy that
// allows every host name.
func verdictOf(c hellotest.Case) verdict {
	const decodeError, handshakeFailure, unrecognizedName = 50, 40, 112
	switch {
	case c.Result == hellotest.Accepted:
		return verdict{}
	case c.Result == hellotest.NotTLS:
		return verdict{reason: "not_tls", detail: c.Reason}
	case c.Result == hellotest.NoServerName:
		return verdict{reason: "no_server_name", detail: c.Reason, alert: unrecognizedName}
	case c.Result == hellotest.Incomplete && len(c.Bytes) == 0:
		return verdict{reason: "incomplete"}
	case c.Result == hellotest.Incomplete:
		return verdict{reason: "incomplete", alert: decodeError}
	case c.Reason == "invalid_server_name":
		return verdict{reason: c.Reason, alert: unrecognizedName}
	case c.Reason == "client_hello_too_large":
		return verdict{reason: c.Reason, detail: c.Reason, alert: handshakeFailure}
	}
	return verdict{reason: "malformed", detail: c.Reason, alert: decodeError}
}

// The fail-closed matrix: every kind of input, its reason, counter and alert,
// and that nothing left the gateway. Every host resolves and answers.
func TestMatrix(t *testing.T) {
	env := startMatrix(t)
	var table strings.Builder
	fmt.Fprintf(&table, "%-62s %-23s %-26s %s\n", "input", "reason", "detail", "alert")
	for _, c := range hellotest.All() {
		t.Run(c.Name, func(t *testing.T) {
			want := verdictOf(c)
			if want.reason == "not_tls" { // seen whole, it may have a name
				want.detail = cmp.Or(clienthello.Protocol(c.Bytes), want.detail)
			}
			tryRow(t, env, c, want, func(conn client.Conn) { _, _ = conn.Write(c.Bytes) })
			fmt.Fprintf(&table, "%-62s %-23s %-26s %d\n", c.Name, cmp.Or(want.reason, "allowed"), want.detail, want.alert)
		})
	}
	t.Log("\n" + table.String())
	wantIdle(t, env)
}

// A sample of the rows, byte by byte: one TCP segment and one TLS record of the
// outer session for each.
func TestMatrixByteByByte(t *testing.T) {
	env := startMatrix(t)
	for i, c := range hellotest.All() {
		if i%5 != 0 && c.Result != hellotest.Accepted || len(c.Bytes) > 4096 {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			want := verdictOf(c)
			if want.reason == "not_tls" {
				want.orDetail = clienthello.Protocol(c.Bytes)
			}
			tryRow(t, env, c, want, func(conn client.Conn) {
				for i := range c.Bytes {
					if _, err := conn.Write(c.Bytes[i : i+1]); err != nil {
						return // refused at an earlier byte
					}
				}
			})
		})
	}
	wantIdle(t, env)
}

// The same hello in TLS records of 1, 2, 3, 5, 17, 100 and 1,000 bytes.
func TestMatrixInRecords(t *testing.T) {
	env := startMatrix(t)
	for i, c := range hellotest.All() {
		if c.Message == nil || i%5 != 0 && c.Result != hellotest.Accepted {
			continue
		}
		size := []int{1, 2, 3, 5, 17, 100, 1000}[i%7]
		t.Run(fmt.Sprintf("%s, records of %d", c.Name, size), func(t *testing.T) {
			c.Bytes = hellotest.Records(c.Message, size)
			tryRow(t, env, c, verdictOf(c), func(conn client.Conn) { _, _ = conn.Write(c.Bytes) })
		})
	}
	wantIdle(t, env)
}

// startMatrix starts a gateway where every name resolves to a site that answers.
func startMatrix(t *testing.T) *testenv.Env {
	t.Helper()
	env := testenv.Start(t, testenv.Options{Policy: anyHost, WithoutSidecar: true, Sites: []string{"unused.test"}})
	if _, err := env.AddSite(sites.Options{Names: []string{"*"}, Serve: greetAndClose}); err != nil {
		t.Fatal(err)
	}
	return env
}

// tryRow sends one input and checks all that is to be seen of it.
func tryRow(t *testing.T, env *testenv.Env, c hellotest.Case, want verdict, send func(client.Conn)) {
	t.Helper()
	before := snapshot(t, env)
	conn := dialGateway(t, env)
	line := lineOf(t, env, conn)
	sent := make(chan struct{})
	go func() {
		send(conn)
		if c.Result == hellotest.Incomplete {
			_ = conn.CloseWrite() // what follows will never come
		}
		close(sent)
	}()
	got, err := io.ReadAll(conn)
	conn.Close()
	<-sent
	wantAnswer(t, c, want, got, err)

	entry := env.GatewayLog.WantEntry(t, line)
	change := since(t, env, before)
	counters := map[string]int64{"wildcard_egress.denied." + want.reason: 1}
	decision, connections, queries := "deny", 0, []string(nil)
	if want.reason == "" {
		counters = map[string]int64{"wildcard_egress.allowed": 1}
		decision, connections, queries = "allow", 1, change.Queries // cached or not
	}
	if c.ECH && c.Sent != "" { // read to the end, with a name
		counters["wildcard_egress.ech"] = 1
	}
	if diff := gocmp.Diff(counters, change.Stats); diff != "" {
		t.Errorf("counters (-want +got)\n%s", diff)
	}
	if change.Connections != connections {
		t.Errorf("%d upstream connections, want %d", change.Connections, connections)
	}
	if diff := gocmp.Diff(queries, change.Queries); diff != "" {
		t.Errorf("DNS queries (-want +got)\n%s", diff)
	}
	orDetail := want.orDetail
	for field, want := range map[string]string{"decision": decision, "reason": want.reason, "detail": want.detail} {
		if got := entry.Get(field); got != want && (field != "detail" || got == "" || got != orDetail) {
			t.Errorf("access log has %s %q, want %q", field, got, want)
		}
	}
	if name := entry.Get("server_name"); name != c.ServerName && (want.reason != "invalid_server_name" || len(name) > 255) {
		t.Errorf("access log has server_name %q, want %q", name, c.ServerName)
	}
}

// wantAnswer compares what the client read. A client that sent far more than a
// hello may see a reset in place of the alert: the kernel sends it when a
// socket is closed with bytes unread.
func wantAnswer(t *testing.T, c hellotest.Case, want verdict, got []byte, err error) {
	t.Helper()
	if len(c.Bytes) > 16384 && errors.Is(err, syscall.ECONNRESET) {
		return
	}
	expected := []byte{1} // greetAndClose
	if want.reason != "" {
		expected = nil
	}
	if want.alert != 0 {
		expected = []byte{21, 3, 3, 0, 2, 2, want.alert}
	}
	if string(got) != string(expected) || err != nil {
		t.Errorf("the client read % x, %v; want % x and the end of the stream", got, err, expected)
	}
}

// greetAndClose says one byte, ends its side, and reads on until the client ends.
func greetAndClose(conn net.Conn) {
	_, _ = conn.Write([]byte{1})
	_ = conn.(interface{ CloseWrite() error }).CloseWrite()
	_, _ = io.Copy(io.Discard, conn)
}

// activeConnections is the gauge of the gateway's connections; that of the
// server, total_connections, is only set every five seconds.
const activeConnections = "listener.127.0.0.1_0.downstream_cx_active"

// wantIdle fails unless the gateway lives and holds no connection any more.
func wantIdle(t *testing.T, env *testenv.Env) {
	t.Helper()
	env.WantAlive(t)
	env.WantStat(t, "wildcard_egress.denied.panic", 0)
	env.WantStat(t, activeConnections, 0)
	env.WantStat(t, "cluster.dynamic_forward_proxy.upstream_cx_active", 0)
}
