package bootstrap

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Network is how the gateway meets the network: what it asks of DNS, which
// addresses it dials, how long it waits, and what it logs of a stream. Start
// from DefaultNetwork.
type Network struct {
	DNSFamily DNSFamily
	// DNSNames is how many names the DNS cache holds. More of them cost Envoy's
	// main thread more than in proportion (docs/callers.md has the figures).
	DNSNames uint32
	Guard    Guard
	// Keepalive is how long a connection is silent before TCP asks whether the
	// peer is still there, on both sides; 0: never.
	Keepalive time.Duration
	// IdleTimeout ends a stream on which no byte went either way for so long; 0: never.
	IdleTimeout time.Duration
	// ConnectTimeout is for one attempt, in which all addresses are tried.
	ConnectTimeout  time.Duration
	ConnectAttempts uint32
	// MaxDuration ends a connection that is older; 0: never.
	MaxDuration time.Duration
	// MaxWaiting is how many connections may wait for their outer handshake and
	// their hello, a quarter of it of one source address; 0: a quarter of all.
	MaxWaiting uint32
	// BufferBytes is where Envoy stops to read from one side until the other has
	// taken what is there. The filter must see a whole ClientHello in it; 0: eight
	// times the largest that the policy allows.
	BufferBytes uint32
	// EarlyDataBytes is what is read of the client until the upstream is connected.
	EarlyDataBytes uint32
	// LogOpen writes a log line when the upstream is connected, LogInterval one
	// each such time; 0: none.
	LogOpen     bool
	LogInterval time.Duration
	// OTLP is the host and port of a collector that gets the lines too, by
	// OpenTelemetry's protocol (gRPC, in clear); empty: there is none.
	OTLP string
	// RuleMetrics has Envoy count and measure connections by rule.
	RuleMetrics bool
}

// DNSFamily is which addresses a name's are taken.
type DNSFamily string

// The families. DNSAll asks for both at once, dials IPv4 first and the other
// family 0.3 s later; the preferred ones ask for the second family only if the
// name has no address of the first.
const (
	DNSAll         DNSFamily = "all"
	DNSV4Preferred DNSFamily = "v4_preferred"
	DNSV6Preferred DNSFamily = "v6_preferred"
	DNSV4Only      DNSFamily = "v4_only"
	DNSV6Only      DNSFamily = "v6_only"
)

// DNSFamilies are all of them.
var DNSFamilies = []DNSFamily{DNSAll, DNSV4Preferred, DNSV6Preferred, DNSV4Only, DNSV6Only}

var lookupFamilies = map[DNSFamily]clusterv3.Cluster_DnsLookupFamily{
	DNSAll:         clusterv3.Cluster_ALL,
	DNSV4Preferred: clusterv3.Cluster_V4_PREFERRED,
	DNSV6Preferred: clusterv3.Cluster_AUTO,
	DNSV4Only:      clusterv3.Cluster_V4_ONLY,
	DNSV6Only:      clusterv3.Cluster_V6_ONLY,
}

// DefaultNetwork is for a gateway that dials public sites. docs/network.md has
// the measurements behind it.
func DefaultNetwork() Network {
	return Network{
		DNSFamily:       DNSAll,
		Keepalive:       time.Minute,
		IdleTimeout:     time.Hour,
		ConnectTimeout:  5 * time.Second,
		ConnectAttempts: 1,
		DNSNames:        maxHosts,
		EarlyDataBytes:  earlyDataLimit,
		RuleMetrics:     true,
	}
}

// Validate returns all mistakes, each beginning with the flag of the command
// line that sets it.
func (n Network) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	duration := func(flag string, d, least, most time.Duration, zero string) {
		if zero != "" && d == 0 || d >= least && d <= most {
			return
		}
		if zero != "" {
			zero = ", or 0 for " + zero
		}
		fault("%s %v: want %s to %s%s", flag, d, Short(least.String()), Short(most.String()), zero)
	}
	if !slices.Contains(DNSFamilies, n.DNSFamily) {
		fault("--dns-family %q: want one of %s", n.DNSFamily, strings.ReplaceAll(strings.Trim(fmt.Sprint(DNSFamilies), "[]"), " ", ", "))
	}
	const day = 24 * time.Hour
	duration("--keepalive", n.Keepalive, time.Second, 2*time.Hour, "none")
	duration("--idle-timeout", n.IdleTimeout, time.Second, 365*day, "none")
	duration("--connect-timeout", n.ConnectTimeout, 100*time.Millisecond, 5*time.Minute, "")
	duration("--max-duration", n.MaxDuration, time.Second, 365*day, "none")
	duration("--log-interval", n.LogInterval, time.Second, day, "none")
	if n.Keepalive%time.Second != 0 {
		fault("--keepalive %v: want whole seconds", n.Keepalive)
	}
	if n.ConnectAttempts < 1 || n.ConnectAttempts > 10 {
		fault("--connect-attempts %d: want 1 to 10", n.ConnectAttempts)
	}
	if n.DNSNames < 64 || n.DNSNames > 1<<16 {
		fault("--dns-names %d: want %d to %d", n.DNSNames, 64, 1<<16)
	}
	if n.MaxWaiting > maxMaxWaiting {
		fault("--max-waiting %d: want 1 to %d, or 0 for a quarter of --max-connections", n.MaxWaiting, maxMaxWaiting)
	}
	if n.BufferBytes != 0 && (n.BufferBytes < 32<<10 || n.BufferBytes > 64<<20) {
		fault("--buffer-bytes %d: want %d to %d, or 0 for what the policy's hellos need", n.BufferBytes, 32<<10, 64<<20)
	}
	if most := cmp.Or(n.BufferBytes, 512<<10); n.EarlyDataBytes < 16<<10 || n.EarlyDataBytes > most {
		fault("--early-data-bytes %d: want %d to --buffer-bytes (%d)", n.EarlyDataBytes, 16<<10, most)
	}
	if n.OTLP != "" {
		if _, _, err := splitCollector(n.OTLP); err != nil {
			fault("--access-log-otlp %w", err)
		}
	}
	faults = append(faults, n.Guard.faults(n.DNSFamily)...)
	return errors.Join(faults...)
}

// maxMaxWaiting is more than any machine has, and what the module reads.
const maxMaxWaiting = 1 << 20

// Short writes a time as people do: 5m, where Go has 5m0s.
func Short(duration string) string {
	for _, zero := range []string{"m0s", "h0m"} {
		if rest, ok := strings.CutSuffix(duration, zero); ok {
			duration = rest + zero[:1]
		}
	}
	if duration == "0s" {
		return "0"
	}
	return duration
}

// network is what the bootstrap was told, or the defaults.
func (c Config) network() Network {
	if c.Network == nil {
		return DefaultNetwork()
	}
	return *c.Network
}

// A peer that does not answer is given up after four questions.
const keepaliveProbes = 4

// keepaliveEvery is the time between two questions: a dead peer is found within
// a minute of the first one.
const keepaliveEvery = 15 * time.Second

// keepalive is nil for none.
func (n Network) keepalive() *corev3.TcpKeepalive {
	if n.Keepalive == 0 {
		return nil
	}
	return &corev3.TcpKeepalive{
		KeepaliveTime:     wrapperspb.UInt32(uint32(n.Keepalive / time.Second)),
		KeepaliveInterval: wrapperspb.UInt32(uint32(min(n.Keepalive, keepaliveEvery) / time.Second)),
		KeepaliveProbes:   wrapperspb.UInt32(keepaliveProbes),
	}
}

// connectionOptions are those of connections to sites. IPv4 goes first, since
// many a cluster has an IPv6 route that leads nowhere: the order in which the
// two answers of DNS came would decide otherwise.
func (n Network) connectionOptions() *clusterv3.UpstreamConnectionOptions {
	options := &clusterv3.UpstreamConnectionOptions{TcpKeepalive: n.keepalive()}
	if n.DNSFamily == DNSAll {
		options.HappyEyeballsConfig = &clusterv3.UpstreamConnectionOptions_HappyEyeballsConfig{
			FirstAddressFamilyVersion: clusterv3.UpstreamConnectionOptions_V4,
			FirstAddressFamilyCount:   wrapperspb.UInt32(1),
		}
	}
	return options
}
