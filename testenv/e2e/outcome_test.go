package e2e_test

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	miekg "github.com/miekg/dns"

	"wildcard-egress/outcome"
	"wildcard-egress/testenv"
	"wildcard-egress/testenv/dns"
	"wildcard-egress/testenv/logs"
	"wildcard-egress/testenv/sites"
)

// Each way to fail has its own word in the line and its own counter, and the
// client is told where its hello was not answered yet.
func TestAFailureSaysWhy(t *testing.T) {
	t.Parallel()
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, WithoutSidecar: true,
		GatewayFlags: []string{"--address-guard", "on", "--guard-allow", "127.0.0.0/8", "--connect-timeout", "1s"}})
	reset, err := env.Upstream.Add(sites.Options{Names: []string{"reset.wikipedia.org"}, Serve: func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1)) // the rest unread: its close is a reset
	}})
	if err != nil {
		t.Fatal(err)
	}
	silent, refusing := netip.MustParseAddr("127.0.0.99"), netip.MustParseAddr("127.0.0.98")
	listenDeaf(t, netip.AddrPortFrom(silent, env.Upstream.Port()))
	for reason, test := range map[string]struct {
		answer dns.Answer
		alert  string // what crypto/tls calls it; empty: the client sees a close
	}{
		outcome.DNSNoSuchName:  {answer: dns.Answer{Code: miekg.RcodeNameError}, alert: "unrecognized name"},
		outcome.DNSEmpty:       {alert: "unrecognized name"},
		outcome.DNSFailed:      {answer: dns.Answer{Code: miekg.RcodeServerFailure}, alert: "internal error"},
		outcome.DNSTimeout:     {answer: dns.Answer{Silent: true}, alert: "internal error"},
		outcome.AddressDenied:  {answer: dns.Answer{Addrs: []netip.Addr{netip.MustParseAddr("10.1.2.3")}}, alert: "unrecognized name"},
		outcome.ConnectRefused: {answer: dns.Answer{Addrs: []netip.Addr{refusing}}},
		outcome.ConnectTimeout: {answer: dns.Answer{Addrs: []netip.Addr{silent}}},
		outcome.Reset:          {answer: dns.Answer{Addrs: []netip.Addr{reset.AddrPort().Addr()}}},
	} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			name := strings.ReplaceAll(reason, "_", "-") + ".wikipedia.org"
			env.DNS.Set(name, test.answer)
			_, err := env.GetDirect(env.App(), name)
			if err == nil || !strings.HasSuffix(err.Error(), test.alert) || test.alert == "" && strings.Contains(err.Error(), "tls:") {
				t.Errorf("error %v, want alert %q", err, test.alert)
			}
			entry := env.GatewayLog.WantEntry(t, logs.Named(name))
			if got := entry.Get("reason"); got != reason || entry.Get("decision") != "allow" {
				t.Errorf("decision %s, reason %s; want allow, %s", entry.Get("decision"), got, reason)
			}
			if reached := entry.Get("upstream_remote_address"); (reached != "") != (reason == outcome.Reset) {
				t.Errorf("upstream_remote_address %q", reached)
			}
			env.WantStat(t, "wildcard_egress.failed."+reason, 1)
		})
	}
}

// listenDeaf takes a port and answers no SYN: its queue is full.
func listenDeaf(t *testing.T, addr netip.AddrPort) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		t.Cleanup(func() { syscall.Close(fd) })
		err = syscall.Bind(fd, &syscall.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()})
	}
	if err == nil {
		err = syscall.Listen(fd, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
}

func TestAFullDNSCacheIsTheReason(t *testing.T) {
	t.Parallel()
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, WithoutSidecar: true,
		EditGateway: replaced("max_hosts: 4096", "max_hosts: 1")})
	wantReached(t, env, "en.wikipedia.org")
	if _, err := env.GetDirect(env.App(), "de.wikipedia.org"); err == nil {
		t.Fatal("a second name in a cache of one")
	}
	if got := env.GatewayLog.WantEntry(t, logs.Named("de.wikipedia.org")).Get("reason"); got != outcome.DNSFull {
		t.Errorf("reason %q, want %s", got, outcome.DNSFull)
	}
	env.WantStat(t, "wildcard_egress.failed."+outcome.DNSFull, 1)
}

// What the policy says of refusals holds where the look-up fails, recalled
// decisions included.
func TestAFailedLookUpEndsAsThePolicyRefuses(t *testing.T) {
	for refusal, want := range map[string]struct {
		bytes int
		err   error
	}{"alert": {bytes: 7}, "close": {}, "reset": {err: syscall.ECONNRESET}} {
		t.Run(refusal, func(t *testing.T) {
			t.Parallel()
			env := testenv.Start(t, testenv.Options{WithoutSidecar: true, Plain: true,
				Policy: "version: 1\ndefaults: {refusal: " + refusal + "}\nrules: [{name: all, hosts: ['*.wikipedia.org']}]"})
			env.DNS.Set("gone.wikipedia.org", dns.Answer{Code: miekg.RcodeNameError})
			for range 2 {
				conn := dialGateway(t, env)
				if _, err := conn.Write(hello("gone.wikipedia.org")); err != nil {
					t.Fatal(err)
				}
				if got, err := io.ReadAll(conn); len(got) != want.bytes || !errors.Is(err, want.err) {
					t.Errorf("%d bytes, %v; want %d, %v", len(got), err, want.bytes, want.err)
				}
			}
			env.WantStat(t, "wildcard_egress.decision_cache_hit", 1)
		})
	}
}
