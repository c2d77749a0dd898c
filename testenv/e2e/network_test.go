package e2e_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/certs"
	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/dns"
	"wildcard-egress/testenv/logs"
	"wildcard-egress/testenv/poll"
	"wildcard-egress/testenv/sites"
)

// A name with two families, or several addresses, of which some are dead: the
// line names the address that was reached.
func TestADeadAddressIsPassedOver(t *testing.T) {
	env, good := dnsWorld(t, testenv.Options{})
	port := env.Upstream.Port()
	certificate, err := env.Upstream.Authority.Issue(certs.Subject{DNSNames: []string{"*.wikipedia.org"}})
	if err != nil {
		t.Fatal(err)
	}
	six, err := sites.Start(fmt.Sprintf("[::1]:%d", port), sites.Options{Names: []string{"six"}, Certificate: certificate})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { six.Close() })
	deaf, refusing := netip.MustParseAddr("127.0.0.99"), netip.MustParseAddr("127.0.0.98")
	listenDeaf(t, netip.AddrPortFrom(deaf, port))
	for name, test := range map[string]struct {
		addrs   []netip.Addr
		reached netip.Addr
	}{
		"deaf-four":      {[]netip.Addr{deaf, six.AddrPort().Addr()}, six.AddrPort().Addr()},
		"refusing-four":  {[]netip.Addr{refusing, six.AddrPort().Addr()}, six.AddrPort().Addr()},
		"dead-six":       {[]netip.Addr{good.Addrs[0], netip.MustParseAddr("2001:db8::1")}, good.Addrs[0]},
		"only-six":       {[]netip.Addr{six.AddrPort().Addr()}, six.AddrPort().Addr()},
		"deaf-first":     {[]netip.Addr{deaf, good.Addrs[0]}, good.Addrs[0]},
		"refusing-first": {[]netip.Addr{refusing, good.Addrs[0]}, good.Addrs[0]},
	} {
		name += ".wikipedia.org"
		env.DNS.Set(name, dns.Answer{Addrs: test.addrs, TTL: 60})
		wantReached(t, env, name)
		want := netip.AddrPortFrom(test.reached, port).String()
		if got := env.GatewayLog.WantEntry(t, logs.Named(name)).Get("upstream_remote_address"); got != want {
			t.Errorf("%s: the line says %s, want %s", name, got, want)
		}
	}
}

// Linux says in /proc/net/tcp which timer a socket has: 2 is keepalive's.
func TestKeepaliveOnBothSides(t *testing.T) {
	t.Parallel()
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, WithoutSidecar: true})
	conn := dialGateway(t, env)
	inner, err := env.Handshake(conn, "en.wikipedia.org")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	if _, err := client.Ask(inner); err != nil {
		t.Fatal(err)
	}
	for side, peer := range map[string]string{
		"downstream": conn.LocalAddr().String(),
		"upstream":   env.Upstream.Site("en.wikipedia.org").AddrPort().String(),
	} {
		poll.Want(t, func() error { // data that is not acknowledged yet has a timer of its own
			timers, err := timersTo(peer)
			if err == nil && !strings.Contains(timers, "02:") {
				err = fmt.Errorf("%s: sockets to %s have the timers %q, none is keepalive's", side, peer, timers)
			}
			return err
		})
	}
}

// timersTo returns the timers of the connections to a peer.
func timersTo(peer string) (string, error) {
	addr, err := netip.ParseAddrPort(peer)
	if err != nil {
		return "", err
	}
	table, err := os.ReadFile("/proc/net/tcp")
	ip := addr.Addr().As4()
	remote := fmt.Sprintf("%02X%02X%02X%02X:%04X", ip[3], ip[2], ip[1], ip[0], addr.Port())
	var timers []string
	for line := range strings.Lines(string(table)) {
		if fields := strings.Fields(line); len(fields) > 5 && fields[2] == remote && fields[3] == "01" {
			timers = append(timers, fields[5])
		}
	}
	return strings.Join(timers, " "), err
}

// What was cut by its age says so, and what was attempted in vain is attempted again.
func TestAConnectionHasALongestDuration(t *testing.T) {
	t.Parallel()
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, WithoutSidecar: true, GatewayFlags: []string{"--max-duration", "1s"}})
	conn, err := env.DialDirect(env.App(), "en.wikipedia.org")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := conn.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("read: %v, want the end", err)
	}
	entry := env.GatewayLog.WantEntry(t, logs.Named("en.wikipedia.org"))
	if got := entry.Get("reason"); got != "max_connection_duration_reached" {
		t.Errorf("reason %q, want max_connection_duration_reached", got)
	}
}

func isTimeout(err error) bool {
	var failed net.Error
	return errors.As(err, &failed) && failed.Timeout()
}
