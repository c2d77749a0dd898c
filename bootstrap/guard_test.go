package bootstrap_test

import (
	"net/netip"
	"testing"

	"wildcard-egress/bootstrap"
)

func guarded(address string) bool {
	a := netip.MustParseAddr(address)
	for _, p := range bootstrap.PrivateRanges {
		// netip has a v4-mapped address in no IPv4 range, as Envoy has it.
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func TestGuardCoversEveryAddressThatIsNoPublicSite(t *testing.T) {
	for _, address := range []string{
		"0.0.0.0", "0.255.255.255",
		"10.0.0.0", "10.255.255.255",
		"100.64.0.0", "100.127.255.255",
		"127.0.0.1", "127.255.255.255",
		"169.254.0.0", "169.254.169.254", "169.254.255.255",
		"172.16.0.0", "172.31.255.255",
		"192.0.0.0", "192.0.0.255",
		"192.168.0.0", "192.168.255.255",
		"198.18.0.0", "198.19.255.255",
		"224.0.0.0", "239.255.255.255", "240.0.0.0", "255.255.255.255",
		"::", "::1", "::7f00:1", "::ffff:0.0.0.0", "::ffff:127.0.0.1", "::ffff:8.8.8.8",
		"64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1",
		"2001::1", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff",
		"2002::", "2002:7f00:1::1", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"fc00::", "fd00:ec2::254", "fdff:ffff::1",
		"fe80::1", "febf:ffff::1", "fec0::1", "feff::1",
		"ff00::", "ff02::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	} {
		if !guarded(address) {
			t.Errorf("%s is not guarded", address)
		}
	}
}

func TestGuardLetsPublicAddressesThrough(t *testing.T) {
	for _, address := range []string{
		"1.0.0.0", "8.8.8.8", "9.255.255.255", "11.0.0.0",
		"100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
		"169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
		"185.15.59.224", "191.255.255.255", "192.0.1.0", "192.167.255.255", "192.169.0.0",
		"198.17.255.255", "198.20.0.0", "223.255.255.255",
		"2001:1::1", "2001:4860:4860::8888", "2003::1", "2600::1", "2620:0:862:ed1a::1", "2a00:1450::1",
		"3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	} {
		if guarded(address) {
			t.Errorf("%s is guarded", address)
		}
	}
}

func TestPrivateRangesAreWrittenWithoutHostBits(t *testing.T) {
	for _, p := range bootstrap.PrivateRanges {
		if p != p.Masked() {
			t.Errorf("%v covers %v: write that", p, p.Masked())
		}
	}
}
