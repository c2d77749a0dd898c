package bootstrap_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"wildcard-egress/bootstrap"
)

func within(ranges []netip.Prefix, address string) bool {
	a := netip.MustParseAddr(address)
	// netip has a v4-mapped address in no IPv4 range, as Envoy has it.
	return slices.ContainsFunc(ranges, func(p netip.Prefix) bool { return p.Contains(a) })
}

func TestGuardCoversEveryAddressThatIsNoPublicSite(t *testing.T) {
	for _, address := range []string{
		"0.0.0.0", "0.255.255.255",
		"10.0.0.0", "10.255.255.255",
		"100.64.0.0", "100.127.255.255",
		"127.0.0.1", "127.255.255.255",
		"168.63.129.16",
		"169.254.0.0", "169.254.169.254", "169.254.255.255",
		"172.16.0.0", "172.31.255.255",
		"192.0.0.0", "192.0.0.192", "192.0.0.255", "192.0.2.1", "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.175.48.1",
		"192.168.0.0", "192.168.255.255",
		"198.18.0.0", "198.19.255.255", "198.51.100.1", "203.0.113.255",
		"224.0.0.0", "239.255.255.255", "240.0.0.0", "255.255.255.255",
		"::", "::1", "::7f00:1", "::ffff:0.0.0.0", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:7f00:1",
		"64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "100::1", "100:0:0:1::1",
		"1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "4000::", "5f00::1", "8000::1", "e000::1",
		"2001::1", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", "2001:1::1", "2001:2::1", "2001:20::1", "2001:1ff:ffff::1",
		"2001:db8::1", "2002::", "2002:7f00:1::1", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2620:4f:8000::1",
		"3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
		"fc00::", "fd00:ec2::254", "fdff:ffff::1",
		"fe80::1", "febf:ffff::1", "fec0::1", "feff::1",
		"ff00::", "ff02::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	} {
		if !within(bootstrap.Guard{}.Denied(), address) {
			t.Errorf("%s is not guarded", address)
		}
	}
}

func TestGuardLetsPublicAddressesThrough(t *testing.T) {
	for _, address := range []string{
		"1.0.0.0", "8.8.8.8", "9.255.255.255", "11.0.0.0",
		"100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
		"168.63.129.15", "168.63.129.17",
		"169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
		"185.15.59.224", "191.255.255.255", "192.0.1.0", "192.167.255.255", "192.169.0.0",
		"198.17.255.255", "198.20.0.0", "223.255.255.255",
		"2001:200::1", "2001:4860:4860::8888", "2003::1", "2600::1", "2620:0:862:ed1a::1", "2a00:1450::1",
		"2620:4f:8001::1", "3fff:1000::",
	} {
		if within(bootstrap.Guard{}.Denied(), address) {
			t.Errorf("%s is guarded", address)
		}
	}
}

func TestTheGuardCanBeOpenedAndClosedByRange(t *testing.T) {
	g := bootstrap.Guard{
		Allow: parse("10.1.0.0/16", "64:ff9b::/96", "fd00:1::/32"),
		Deny:  parse("10.1.2.0/24", "8.8.8.0/24", "2a00:1::/32"),
	}
	for address, denied := range map[string]bool{
		"10.1.0.1": false, "10.1.2.1": true, "10.0.255.255": true, "10.2.0.0": true, "8.8.8.8": true, "8.8.9.1": false,
		"fd00:1::1": false, "fd00:2::1": true, "2a00:1::1": true, "2a00:2::1": false,
		"64:ff9b::b90f:3be0": false, "64:ff9b:0:0:0:1::": true,
		// What is guarded as IPv4 is guarded behind NAT64.
		"64:ff9b::7f00:1": true, "64:ff9b::a9fe:a9fe": true, "64:ff9b::c0a8:1": true, "64:ff9b::808:808": true,
		"64:ff9b::a01:1": false, "64:ff9b::a01:201": true,
	} {
		if within(g.Denied(), address) != denied {
			t.Errorf("%s: denied %v, want %v", address, !denied, denied)
		}
		reachable := slices.ContainsFunc(g.Reachable(), func(r bootstrap.ReachableRange) bool {
			return r.Contains(netip.MustParseAddr(address)) && !within(r.Except, address)
		})
		if reachable == denied {
			t.Errorf("%s: denied %v, and reachable by the NetworkPolicy %v", address, denied, reachable)
		}
	}
}

func TestMistakesInTheNetworkNameTheirFlag(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*bootstrap.Network)
		want   string
	}{
		"no family":              {func(n *bootstrap.Network) { n.DNSFamily = "ipv4" }, `--dns-family "ipv4": want one of`},
		"bits behind the prefix": {func(n *bootstrap.Network) { n.Guard.Allow = parse("10.0.0.1/8") }, "--guard-allow 10.0.0.1/8: the address has bits behind the prefix; write 10.0.0.0/8"},
		"everything allowed":     {func(n *bootstrap.Network) { n.Guard.Allow = parse("0.0.0.0/0") }, "--guard-allow 0.0.0.0/0: that is no guard"},
		"IPv4 in IPv6 form":      {func(n *bootstrap.Network) { n.Guard.Deny = parse("::ffff:10.0.0.0/104") }, "--guard-deny ::ffff:10.0.0.0/104: it has IPv4 addresses"},
		"allowed and denied": {func(n *bootstrap.Network) {
			n.Guard = bootstrap.Guard{Allow: parse("10.1.0.0/16"), Deny: parse("10.0.0.0/8")}
		}, "takes all of it away"},
		"a family without an address": {func(n *bootstrap.Network) {
			n.DNSFamily, n.Guard.Deny = bootstrap.DNSV6Only, parse("2000::/3")
		}, "--dns-family v6_only: the address guard leaves no address of it"},
		"a negative time":     {func(n *bootstrap.Network) { n.IdleTimeout = -1 }, "--idle-timeout -1ns: want 1s to"},
		"no connect timeout":  {func(n *bootstrap.Network) { n.ConnectTimeout = 0 }, "--connect-timeout 0s: want 100ms to 5m"},
		"no attempt":          {func(n *bootstrap.Network) { n.ConnectAttempts = 0 }, "--connect-attempts 0: want 1 to 10"},
		"a buffer too small":  {func(n *bootstrap.Network) { n.BufferBytes = 100 }, "--buffer-bytes 100: want 32768 to"},
		"early data too much": {func(n *bootstrap.Network) { n.EarlyDataBytes = 1 << 30 }, "--early-data-bytes 1073741824: want 16384 to --buffer-bytes (524288)"},
		"too many waiting":    {func(n *bootstrap.Network) { n.MaxWaiting = 10_000_000 }, "--max-waiting 10000000: want 1 to 1048576"},
		"part of a second":    {func(n *bootstrap.Network) { n.Keepalive = 1500e6 }, "--keepalive 1.5s: want whole seconds"},
	} {
		t.Run(name, func(t *testing.T) {
			n := bootstrap.DefaultNetwork()
			test.change(&n)
			if err := n.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Validate() = %v, want %q in it", err, test.want)
			}
		})
	}
	if err := bootstrap.DefaultNetwork().Validate(); err != nil {
		t.Errorf("the defaults are refused: %v", err)
	}
}

func parse(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}
