package e2e_test

import (
	"fmt"
	"net/netip"
	"testing"

	"wildcard-egress/outcome"
	"wildcard-egress/testenv"
	"wildcard-egress/testenv/dns"
	"wildcard-egress/testenv/logs"
)

// An allowed name that resolves to an address inside is dialled nowhere: no SYN
// leaves. The sites listen on loopback addresses, so a hole would be seen.
func TestAddressGuardDropsPrivateAnswers(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, WithoutSidecar: true, GatewayFlags: []string{"--address-guard", "on"}})
	site := env.Upstream.Site("en.wikipedia.org").AddrPort().Addr()
	for i, addr := range []netip.Addr{
		site, netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("169.254.169.254"), netip.MustParseAddr("192.168.0.1"),
		netip.MustParseAddr("172.31.255.255"), netip.MustParseAddr("100.64.0.1"), netip.MustParseAddr("0.0.0.0"),
		netip.MustParseAddr("224.0.0.1"), netip.MustParseAddr("255.255.255.255"), netip.MustParseAddr("198.18.0.1"),
		netip.MustParseAddr("::1"), netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fe80::1"),
		netip.MustParseAddr("64:ff9b::7f00:1"), netip.MustParseAddr("2002:7f00:1::"), netip.MustParseAddr("::ffff:127.0.0.2"),
		netip.MustParseAddr("::ffff:0:7f00:2"), netip.MustParseAddr("100::1"), netip.MustParseAddr("2001:2::1"),
		netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("3fff::1"), netip.MustParseAddr("5f00::1"), netip.MustParseAddr("4000::1"),
		netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("203.0.113.1"),
		netip.MustParseAddr("192.88.99.1"), netip.MustParseAddr("168.63.129.16"),
	} {
		name := fmt.Sprintf("private-%d.wikipedia.org", i)
		env.DNS.Set(name, dns.Answer{Addrs: []netip.Addr{addr}, TTL: 60})
		if _, err := env.DialDirect(env.App(), name); err == nil {
			t.Errorf("%s, which resolves to %s: a TLS session came about", name, addr)
		}
		entry := env.GatewayLog.WantEntry(t, logs.Named(name))
		if reason, host := entry.Get("reason"), entry.Get("upstream_remote_address"); reason != outcome.AddressDenied || host != "" {
			t.Errorf("%s -> %s: reason %s, upstream %s; want %s and none", name, addr, reason, host, outcome.AddressDenied)
		}
	}
	env.Upstream.WantConnections(t, 0)
	env.WantStat(t, "cluster.dynamic_forward_proxy.upstream_cx_total", 0)
}
