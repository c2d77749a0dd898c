package outcome

import (
	"net/netip"
	"testing"
)

// Package net has the addresses of /etc/hosts in IPv6 form, such as those of a pod's
// hostAliases.
func TestTheGuardIsNamedForANameOfEtcHosts(t *testing.T) {
	a := NewAsker(Config{Denied: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	if got := a.reasonOf([]netip.Addr{netip.MustParseAddr("::ffff:10.1.2.3")}, nil, &rcode{}); got != AddressDenied {
		t.Errorf("reason %s, want %s", got, AddressDenied)
	}
}
