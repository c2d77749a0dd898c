package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/certs"
	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/ztunnel"
)

const paymentsOnly = `
version: 1
defaults: {client_hello_timeout: 2s}
rules:
- {name: payments, hosts: [api.stripe.com], principals: ["` + certs.PaymentsID + `"]}
- {name: everybody, hosts: ["*.wikipedia.org"]}
`

// addrs are a header's without a caller.
func addrs(tlvs ...ztunnel.TLV) ztunnel.Header {
	return ztunnel.Header{Source: netip.MustParseAddrPort("10.0.0.7:40000"),
		Destination: netip.AddrPortFrom(client.VIP, 443), TLVs: tlvs}
}

// payments is the TLV of a caller who may do more than the attacker.
var payments = ztunnel.TLV{Type: ztunnel.IdentityTLV, Value: certs.PaymentsID}

// What can come to the gateway's port from loopback, where only ztunnel should be:
// a caller is known by a whole header of version 2 alone.
func TestAmbientHeaders(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: paymentsOnly, Ambient: true, Sites: []string{"api.stripe.com", "en.wikipedia.org"}})
	header := func(h ztunnel.Header) []byte { return h.Bytes() }
	wiki := "en.wikipedia.org"
	var table strings.Builder
	for _, tt := range []struct {
		name       string
		header     []byte
		serverName string
		want       string // the log's principal and rule or reason; empty: Envoy resets
	}{
		{name: "the caller that a rule asks for", header: header(addrs(payments)), want: certs.PaymentsID + " payments"},
		{name: "no TLV", header: header(addrs()), want: " no_rule"},
		{name: "no TLV, a rule for everybody", header: header(addrs()), serverName: wiki, want: " everybody"},
		{name: "an empty TLV", header: header(addrs(ztunnel.TLV{Type: ztunnel.IdentityTLV})), want: " no_rule"},
		{name: "the TLV of another type", header: header(addrs(ztunnel.TLV{Type: 0xd1, Value: certs.PaymentsID})), want: " no_rule"},
		{name: "two TLVs: the first counts", header: header(addrs(ztunnel.TLV{Type: ztunnel.IdentityTLV, Value: certs.AppID}, payments)),
			want: certs.AppID + " no_rule"},
		{name: "a TLV that is no UTF-8", header: header(addrs(ztunnel.TLV{Type: ztunnel.IdentityTLV, Value: certs.PaymentsID[:40] + "\xff\xfe"})), want: " no_rule"},
		{name: "a TLV with a NUL", header: header(addrs(ztunnel.TLV{Type: ztunnel.IdentityTLV, Value: certs.PaymentsID + "\x00"})), want: " no_rule"},
		{name: "a TLV with a line feed and JSON", header: header(addrs(ztunnel.TLV{Type: ztunnel.IdentityTLV, Value: "spiffe://td/x\n\",\"rule\":\"payments"})), want: " no_rule"},
		{name: "a TLV of 60 KB", header: header(addrs(ztunnel.TLV{Type: ztunnel.IdentityTLV, Value: "spiffe://td/" + strings.Repeat("x", 60000)})), want: " no_rule"},
		{name: "64 KB of TLVs, the caller last", header: header(addrs(append(many(300), payments)...)), want: certs.PaymentsID + " payments"},
		{name: "the command LOCAL, with a caller", header: header(local(addrs(payments))), want: " no_rule"},
		{name: "the command LOCAL, a rule for everybody: no port is known", header: header(local(addrs())), serverName: wiki, want: " no_rule"},
		{name: "port 0", header: header(atPort(addrs(payments), 0)), want: certs.PaymentsID + " host_error"},
		{name: "no addresses (AF_UNSPEC)", header: header(ztunnel.Header{Unspecified: true, TLVs: []ztunnel.TLV{payments}})},
		{name: "version 1", header: []byte("PROXY TCP4 10.0.0.7 240.250.0.1 40000 443\r\n")},
		{name: "no header"},
		{name: "half a header: the hello is taken for the rest", header: header(addrs(payments))[:20]},
		{name: "a header that says less than it has: the rest is the application's", header: shorter(header(addrs(payments))), want: " not_tls"},
		{name: "a header of version 3", header: bytes.Replace(header(addrs(payments)), []byte{0x21, 0x11}, []byte{0x31, 0x11}, 1)},
		{name: "two headers: the second is the application's bytes", header: append(header(addrs(ztunnel.TLV{Type: ztunnel.IdentityTLV, Value: certs.AppID})), header(addrs(payments))...),
			want: certs.AppID + " not_tls"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := headerVerdict(t, env, append(tt.header, hello(orStripe(tt.serverName))...))
			if got != tt.want {
				t.Errorf("the log says %q, want %q", got, tt.want)
			}
			fmt.Fprintf(&table, "%-60s %s\n", tt.name, orReset(got))
		})
	}
	t.Log("\n" + table.String())
	wantIdle(t, env)
}

func orStripe(name string) string {
	if name == "" {
		return "api.stripe.com"
	}
	return name
}

func orReset(verdict string) string {
	if verdict == "" {
		return "reset by Envoy, nothing dialled"
	}
	return verdict
}

func many(n int) (tlvs []ztunnel.TLV) {
	for range n {
		tlvs = append(tlvs, ztunnel.TLV{Type: 0xe0, Value: strings.Repeat("y", 200)})
	}
	return tlvs
}

// shorter has the length of the addresses alone.
func shorter(header []byte) []byte { header[14], header[15] = 0, 12; return header }

func local(h ztunnel.Header) ztunnel.Header { h.Command = ztunnel.CommandLocal; return h }

func atPort(h ztunnel.Header, port uint16) ztunnel.Header {
	h.Destination = netip.AddrPortFrom(h.Destination.Addr(), port)
	return h
}

// headerVerdict sends bytes to the gateway's port and returns what its log says of
// them: principal, and rule or reason. Refused ones reach nothing.
func headerVerdict(t *testing.T, env *testenv.Env, b []byte) string {
	t.Helper()
	before := snapshot(t, env)
	entries, err := env.GatewayLog.Entries()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", env.GatewayAddr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(client.DialTimeout))
	if _, err := conn.Write(b); err != nil {
		t.Fatal(err)
	}
	_, _ = conn.Read(make([]byte, 1)) // of a site, an alert or nothing
	conn.Close()
	all := env.GatewayLog.WantEntries(t, len(entries)+1)
	entry := all[len(all)-1]
	change := since(t, env, before)
	allowed := entry.Get("decision") == "allow"
	if !allowed && (change.Connections != 0 || len(change.Queries) != 0) {
		t.Errorf("%d upstream connections, DNS asked %q; want nothing", change.Connections, change.Queries)
	}
	if entry.Get("decision") == "" {
		return ""
	}
	if allowed {
		return entry.Get("principal") + " " + entry.Get("rule")
	}
	return entry.Get("principal") + " " + entry.Get("reason")
}

// A header in the application's stream, behind ztunnel's own, is the application's
// bytes.
func TestAmbientForgedHeaderInTheStream(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: paymentsOnly, Ambient: true, Sites: []string{"api.stripe.com"}})
	for _, size := range []int{1, 7, 1000} { // in pieces
		conn := dialGateway(t, env)
		line := lineOf(t, env, conn)
		for b := append(addrs(payments).Bytes(), hello("api.stripe.com")...); len(b) > 0; b = b[min(size, len(b)):] {
			if _, err := conn.Write(b[:min(size, len(b))]); err != nil {
				break // refused at its first byte
			}
		}
		_, _ = io.Copy(io.Discard, conn)
		entry := env.GatewayLog.WantEntry(t, line)
		if got := entry.Get("principal") + " " + entry.Get("reason"); got != certs.AppID+" not_tls" {
			t.Errorf("in pieces of %d: the log says %q, want that the application sent no TLS", size, got)
		}
	}
	env.Upstream.WantConnections(t, 0)
	env.DNS.WantNoQueries(t)
}

// From another address nobody reaches the gateway's port. Where somebody had the
// listener bind to all addresses, the module refuses what does not come over
// loopback, and says it.
func TestAmbientFromElsewhere(t *testing.T) {
	elsewhere := otherAddress(t)
	dial := func(env *testenv.Env) (net.Conn, error) {
		_, port, err := net.SplitHostPort(env.GatewayAddr)
		if err != nil {
			t.Fatal(err)
		}
		return net.DialTimeout("tcp", net.JoinHostPort(elsewhere, port), client.DialTimeout)
	}
	t.Run("the rendered listener", func(t *testing.T) {
		env := testenv.Start(t, testenv.Options{Policy: paymentsOnly, Ambient: true})
		if conn, err := dial(env); err == nil {
			conn.Close()
			t.Errorf("%s answers at the gateway's port", elsewhere)
		}
	})
	t.Run("a listener on all addresses", func(t *testing.T) {
		env := testenv.Start(t, testenv.Options{Policy: paymentsOnly, Ambient: true, Sites: []string{"api.stripe.com"},
			EditGateway: func(b []byte) ([]byte, error) {
				edited := bytes.Replace(b, []byte("address: 127.0.0.1\n        port_value: 0"), []byte("address: 0.0.0.0\n        port_value: 0"), 1)
				if bytes.Equal(edited, b) {
					return nil, errors.New("no listener on 127.0.0.1:0 found")
				}
				return edited, nil
			}})
		for range 3 {
			conn, err := dial(env)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Write(append(addrs(payments).Bytes(), hello("api.stripe.com")...)); err != nil {
				t.Fatal(err)
			}
			if answer, _ := io.ReadAll(conn); len(answer) > 0 {
				t.Errorf("read % x, want nothing", answer)
			}
			conn.Close()
		}
		for _, entry := range env.GatewayLog.WantEntries(t, 3) {
			if entry.Get("reason") != "not_loopback" || entry.Get("principal") != "" {
				t.Errorf("the log says reason %q of %q, want not_loopback of nobody", entry.Get("reason"), entry.Get("principal"))
			}
		}
		env.WantStat(t, "wildcard_egress.denied.not_loopback", 3)
		env.Upstream.WantConnections(t, 0)
		env.DNS.WantNoQueries(t)
		if n := strings.Count(env.Gateway.LogTail(1<<20), "another address than loopback"); n != 1 {
			t.Errorf("Envoy's log says it %d times, want once", n)
		}
	})
}

// otherAddress is one of this machine's that is not on loopback.
func otherAddress(t *testing.T) string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.IsGlobalUnicast() && ip.IP.To4() != nil {
			return ip.IP.String()
		}
	}
	t.Fatal("this machine has no other IPv4 address than loopback: give it one, such as ip addr add 192.0.2.1/32 dev lo")
	return ""
}
