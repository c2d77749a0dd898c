package main

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/spf13/pflag"

	"wildcard-egress/bootstrap"
)

// addNetworkFlags adds the flags for n, whose values are the defaults. They are
// the same wherever a gateway is rendered; n.Validate finds what is out of range.
func addNetworkFlags(flags *pflag.FlagSet, n *bootstrap.Network) {
	families := make([]string, len(bootstrap.DNSFamilies))
	for i, family := range bootstrap.DNSFamilies {
		families[i] = string(family)
	}
	flags.StringVar((*string)(&n.DNSFamily), "dns-family", string(n.DNSFamily),
		"which addresses of a name to dial, `"+strings.Join(families, "|")+"`")
	flags.Var(prefixesFlag{&n.Guard.Allow}, "guard-allow",
		"let the address guard pass a range, `CIDR`, such as 64:ff9b::/96 for NAT64; may be repeated")
	flags.Var(prefixesFlag{&n.Guard.Deny}, "guard-deny",
		"have the address guard drop a further range, `CIDR`, such as the cluster's own; may be repeated")
	flags.DurationVar(&n.ConnectTimeout, "connect-timeout", n.ConnectTimeout, "for one attempt to connect to a site, `DURATION`")
	flags.Uint32Var(&n.ConnectAttempts, "connect-attempts", n.ConnectAttempts, "make `N` attempts; each tries all addresses")
	flags.DurationVar(&n.IdleTimeout, "idle-timeout", n.IdleTimeout, "end a stream that was silent for `DURATION`; 0: never")
	flags.DurationVar(&n.MaxDuration, "max-duration", n.MaxDuration, "end a connection that is older than `DURATION`; 0: never")
	flags.DurationVar(&n.Keepalive, "keepalive", n.Keepalive,
		"TCP keepalive on both sides of a stream that was silent for `DURATION`; 0: none")
	flags.Uint32Var(&n.BufferBytes, "buffer-bytes", n.BufferBytes,
		"hold `N` bytes for each direction of a connection; a ClientHello with its TLS records must fit; 0: eight times max_client_hello_bytes")
	flags.Uint32Var(&n.MaxWaiting, "max-waiting", n.MaxWaiting,
		"let `N` connections wait for their handshake and hello, a quarter of them of one address; 0: a quarter of --max-connections")
	flags.Uint32Var(&n.DNSNames, "dns-names", n.DNSNames, "hold `N` names in the DNS cache; more of them cost Envoy's main thread more than in proportion")
	flags.Uint32Var(&n.EarlyDataBytes, "early-data-bytes", n.EarlyDataBytes, "read `N` bytes of the client until the site is connected")
	flags.BoolVar(&n.LogOpen, "log-open", n.LogOpen, "write a log line when a connection to a site is made, too")
	flags.DurationVar(&n.LogInterval, "log-interval", n.LogInterval, "and one each `DURATION` that it lives; 0: none")
	flags.StringVar(&n.OTLP, "access-log-otlp", n.OTLP, "send the lines to the collector at `HOST:PORT`, too, by OTLP (gRPC in clear)")
	flags.BoolVar(&n.RuleMetrics, "rule-metrics", n.RuleMetrics, "count and measure connections by rule")
}

// prefixesFlag takes a CIDR each time it is given.
type prefixesFlag struct{ to *[]netip.Prefix }

func (f prefixesFlag) Set(text string) error {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return fmt.Errorf("want a range such as 10.0.0.0/8")
	}
	*f.to = append(*f.to, p)
	return nil
}

func (f prefixesFlag) String() string {
	if f.to == nil {
		return ""
	}
	texts := make([]string, len(*f.to))
	for i, p := range *f.to {
		texts[i] = p.String()
	}
	return strings.Join(texts, ",")
}

func (f prefixesFlag) Type() string { return "CIDR" }
