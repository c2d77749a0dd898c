package bootstrap

import (
	"fmt"
	"net/netip"

	xdscorev3 "github.com/cncf/xds/go/xds/core/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"go4.org/netipx"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Guard is the address guard: an allowed name that resolves to an address which
// no public site has would turn the gateway against its own network. The zero
// value lets public addresses through alone.
type Guard struct {
	// Allow opens ranges that are no public ones. One of 96 bits is taken for a
	// NAT64 prefix: the IPv4 addresses in it are guarded as IPv4 ones are.
	Allow []netip.Prefix
	// Deny closes further ranges, and counts more than Allow.
	Deny []netip.Prefix
}

// publicIPv6 is all that IANA has given to the regional registries to assign;
// the rest of IPv6 is special or unassigned
// (https://www.iana.org/assignments/ipv6-address-space).
var publicIPv6 = netip.MustParsePrefix("2000::/3")

var (
	allIPv4    = netip.MustParsePrefix("0.0.0.0/0")
	allIPv6    = netip.MustParsePrefix("::/0")
	ipv4InIPv6 = netip.MustParsePrefix("::ffff:0:0/96")
)

// specialRanges are IANA's special-purpose registries
// (https://www.iana.org/assignments/iana-ipv4-special-registry and
// iana-ipv6-special-registry of 2025-10-09, RFC 6890), in IPv6 what of it lies
// in publicIPv6, with multicast and the clouds' own addresses.
var specialRanges = prefixes(
	"0.0.0.0/8",         // this network (RFC 791)
	"10.0.0.0/8",        // private (RFC 1918)
	"100.64.0.0/10",     // carrier-grade NAT, many clouds' pods (RFC 6598)
	"127.0.0.0/8",       // loopback (RFC 1122)
	"168.63.129.16/32",  // Azure's host: metadata, DNS, health (learn.microsoft.com, "What is IP address 168.63.129.16?")
	"169.254.0.0/16",    // link-local, cloud metadata (RFC 3927)
	"172.16.0.0/12",     // private (RFC 1918)
	"192.0.0.0/24",      // IETF protocol assignments, Oracle's metadata (RFC 6890)
	"192.0.2.0/24",      // documentation (RFC 5737)
	"192.31.196.0/24",   // AS112 (RFC 7535)
	"192.52.193.0/24",   // multicast tunnels (RFC 7450)
	"192.88.99.0/24",    // 6to4 relays, deprecated (RFC 7526)
	"192.168.0.0/16",    // private (RFC 1918)
	"192.175.48.0/24",   // AS112 (RFC 7534)
	"198.18.0.0/15",     // benchmarks (RFC 2544)
	"198.51.100.0/24",   // documentation (RFC 5737)
	"203.0.113.0/24",    // documentation (RFC 5737)
	"224.0.0.0/4",       // multicast (RFC 5771)
	"240.0.0.0/4",       // reserved, broadcast (RFC 1112)
	"2001::/23",         // IETF protocol assignments, Teredo among them (RFC 2928)
	"2001:db8::/32",     // documentation (RFC 3849)
	"2002::/16",         // 6to4 (RFC 3056)
	"2620:4f:8000::/48", // AS112 (RFC 7534)
	"3fff::/20",         // documentation (RFC 9637)
)

// Denied are the ranges that are dropped, sorted, none within another.
func (g Guard) Denied() []netip.Prefix { return g.denied().Prefixes() }

func (g Guard) denied() *netipx.IPSet {
	var b netipx.IPSetBuilder
	b.AddPrefix(allIPv6)
	b.RemovePrefix(publicIPv6)
	for _, p := range specialRanges {
		b.AddPrefix(p)
	}
	for _, p := range g.Allow {
		b.RemovePrefix(p)
	}
	for _, p := range g.Deny {
		b.AddPrefix(p)
	}
	denied := set(b)
	for _, p := range g.Allow {
		if isNAT64(p) {
			addMapped(&b, p, denied)
		}
	}
	return set(b)
}

// Reachable are the ranges that Guard leaves, as Kubernetes' NetworkPolicy says
// them: ranges and what is left out of each.
func (g Guard) Reachable() []ReachableRange {
	var tops netipx.IPSetBuilder
	tops.AddPrefix(allIPv4)
	tops.AddPrefix(publicIPv6)
	for _, p := range g.Allow {
		tops.AddPrefix(p)
	}
	denied := g.denied()
	var ranges []ReachableRange
	for _, top := range set(tops).Prefixes() {
		if denied.ContainsPrefix(top) {
			continue
		}
		var except netipx.IPSetBuilder
		except.AddPrefix(top)
		except.Intersect(denied)
		ranges = append(ranges, ReachableRange{Prefix: top, Except: set(except).Prefixes()})
	}
	return ranges
}

// ReachableRange is a range without some that lie in it.
type ReachableRange struct {
	netip.Prefix
	Except []netip.Prefix
}

// faults are the mistakes, each beginning with its flag.
func (g Guard) faults(family DNSFamily) []error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	for flag, ranges := range map[string][]netip.Prefix{"--guard-allow": g.Allow, "--guard-deny": g.Deny} {
		for _, p := range ranges {
			switch {
			case !p.IsValid():
				fault("%s: want a range such as 10.0.0.0/8", flag)
			case p != p.Masked():
				fault("%s %v: the address has bits behind the prefix; write %v", flag, p, p.Masked())
			case p.Bits() == 0:
				fault("%s %v: that is no guard; choose with --address-guard off, or with --dns-family", flag, p)
			case p.Overlaps(ipv4InIPv6):
				fault("%s %v: it has IPv4 addresses in IPv6 form; give the IPv4 range itself", flag, p)
			}
		}
	}
	for _, allow := range g.Allow {
		for _, deny := range g.Deny {
			if deny.Bits() <= allow.Bits() && deny.Overlaps(allow) {
				fault("--guard-allow %v: --guard-deny %v takes all of it away", allow, deny)
			}
		}
	}
	if len(faults) == 0 && !g.leaves(family) {
		fault("--dns-family %s: the address guard leaves no address of it", family)
	}
	return faults
}

// leaves says whether any address of a family passes the guard.
func (g Guard) leaves(family DNSFamily) bool {
	for _, r := range g.Reachable() {
		if family != DNSV6Only && r.Addr().Is4() || family != DNSV4Only && r.Addr().Is6() {
			return true
		}
	}
	return false
}

// matcher has the DNS cache drop answers in Denied. Envoy counts them in
// dns_cache.<name>.dns_address_filter_out.
func (g Guard) matcher() *matcherv3.AddressMatcher {
	m := &matcherv3.AddressMatcher{}
	for _, p := range g.Denied() {
		m.Ranges = append(m.Ranges, &xdscorev3.CidrRange{
			AddressPrefix: p.Addr().String(),
			PrefixLen:     wrapperspb.UInt32(uint32(p.Bits())),
		})
	}
	return m
}

// isNAT64 goes by the length that RFC 6052 gives the well-known prefix.
func isNAT64(p netip.Prefix) bool { return p.Addr().Is6() && p.Bits() == 96 }

// addMapped adds the IPv4 ranges of a set as they are within a NAT64 prefix.
func addMapped(b *netipx.IPSetBuilder, nat64 netip.Prefix, ranges *netipx.IPSet) {
	for _, p := range ranges.Prefixes() {
		if p.Addr().Is4() {
			bytes, v4 := nat64.Addr().As16(), p.Addr().As4()
			copy(bytes[12:], v4[:])
			b.AddPrefix(netip.PrefixFrom(netip.AddrFrom16(bytes), nat64.Bits()+p.Bits()))
		}
	}
}

// set is what was built. It errs for invalid ranges only, which Validate refuses.
func set(b netipx.IPSetBuilder) *netipx.IPSet {
	s, err := b.IPSet()
	if err != nil {
		panic(err)
	}
	return s
}

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}
