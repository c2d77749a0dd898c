package e2e_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/certs"
	"wildcard-egress/testenv/ztunnel"
)

// callerAt is a header of this caller for this port.
func callerAt(id string, port uint16) []byte {
	return atPort(addrs(ztunnel.TLV{Type: ztunnel.IdentityTLV, Value: id}), port).Bytes()
}

// Callers that differ in one byte, and equal names at other ports, never share a
// decision, with one that is kept for the others of the same.
func TestAmbientSharesNoDecision(t *testing.T) {
	const id = certs.PaymentsID
	near := map[string]string{
		"its last byte":   id[:len(id)-1] + "u",
		"its middle byte": strings.Replace(id, "/ns/p", "/ns/q", 1),
		"a capital":       strings.Replace(id, "/sa/c", "/sa/C", 1),
		"one byte more":   id + "s",
		"one byte less":   id[:len(id)-1],
		"a slash more":    id + "/",
		"a space":         id + " ",
	}
	env := testenv.Start(t, testenv.Options{Policy: paymentsOnly, Ambient: true, GatewayFlags: []string{"--decision-cache", "64"},
		Sites: []string{"api.stripe.com", "en.wikipedia.org"}})
	want := func(name string, header []byte, serverName, want string) {
		t.Helper()
		if got := headerVerdict(t, env, append(header, hello(serverName)...)); !strings.HasSuffix(got, want) {
			t.Errorf("%s: the log says %q, want %q", name, got, want)
		}
	}
	for range 2 { // decided, then recalled
		want("the caller itself", callerAt(id, 443), "api.stripe.com", id+" payments")
		for name, other := range near {
			want(name, callerAt(other, 443), "api.stripe.com", " no_rule")
		}
		for _, port := range []uint16{442, 444, 443 ^ 1<<8, 8443, 65535} {
			want(fmt.Sprintf("port %d", port), callerAt(id, port), "api.stripe.com", id+" no_rule")
		}
		want("another name", callerAt(id, 443), "api.stripe.co", id+" no_rule")
	}
}

// With --ipv6 ztunnel may dial [::1] too, and the header's addresses may be IPv6:
// caller and port are read the same.
func TestAmbientIPv6(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: paymentsOnly, Ambient: true, GatewayFlags: []string{"--ipv6"}, Sites: []string{"api.stripe.com"}})
	body, err := env.Gateway.Admin("/listeners?format=json")
	if err != nil {
		t.Fatal(err)
	}
	type address struct {
		Socket struct {
			Address string `json:"address"`
			Port    uint16 `json:"port_value"`
		} `json:"socket_address"`
	}
	var answer struct {
		Statuses []struct {
			Name string    `json:"name"`
			More []address `json:"additional_local_addresses"`
		} `json:"listener_statuses"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatal(err)
	}
	for _, l := range answer.Statuses {
		if l.Name == "egress" && len(l.More) == 1 {
			env.GatewayAddr = net.JoinHostPort(l.More[0].Socket.Address, fmt.Sprint(l.More[0].Socket.Port))
		}
	}
	if !strings.HasPrefix(env.GatewayAddr, "[::1]:") {
		t.Fatalf("the gateway is on %s alone: %s", env.GatewayAddr, body)
	}
	six := ztunnel.Header{Source: netip.MustParseAddrPort("[fd00::7]:40000"), Destination: netip.MustParseAddrPort("[fd00::250]:443"), TLVs: []ztunnel.TLV{payments}}
	for name, tt := range map[string]struct {
		header ztunnel.Header
		want   string
	}{
		"IPv6 in the header":               {header: six, want: certs.PaymentsID + " payments"},
		"IPv4 in the header":               {header: addrs(payments), want: certs.PaymentsID + " payments"},
		"IPv6, a port that no rule has":    {header: atPort(six, 8443), want: certs.PaymentsID + " no_rule"},
		"IPv6, nobody":                     {header: ztunnel.Header{Source: six.Source, Destination: six.Destination}, want: " no_rule"},
		"IPv6, no addresses: Envoy resets": {header: ztunnel.Header{Unspecified: true, TLVs: six.TLVs}, want: ""},
	} {
		if got := headerVerdict(t, env, append(tt.header.Bytes(), hello("api.stripe.com")...)); got != tt.want {
			t.Errorf("%s: the log says %q, want %q", name, got, tt.want)
		}
	}
}
