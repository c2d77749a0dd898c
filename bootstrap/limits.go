package bootstrap

import (
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	overloadv3 "github.com/envoyproxy/go-control-plane/envoy/config/overload/v3"
	downstreamv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/resource_monitors/downstream_connections/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"wildcard-egress/filter/policy/document"
)

// DefaultMaxConnections is the default limit of downstream connections. Each
// takes two files, and Envoy 1.39 and 1.40 crash when they run out of files.
// Envoy raises its soft limit to the hard one, which container runtimes and
// systemd set to half a million or more; this fits into 20,000, with room for
// all else.
const DefaultMaxConnections = 8192

// The outer handshake: firstBytesTimeout is for the client's first message, which
// it sends at once, handshakeTimeout for all that follows. Connections that wait
// for them are anybody's, so that the times are short; istiod has 15 s for each.
// The filter's own deadline begins when the handshake is done.
const (
	firstBytesTimeout = 5 * time.Second
	handshakeTimeout  = 10 * time.Second
)

// upstreamBuffer is how many bytes Envoy holds for a site that does not read.
// Relaying is no faster with more of them.
const upstreamBuffer = 64 << 10

// bufferBytes is where Envoy stops to read of a client until the site has taken
// what is there, and the other way round. The filter must see a whole hello in it,
// which has six times its size when each of its bytes comes in a TLS record of its
// own. So it is eight times what the policy allows: a policy that allows more
// later needs a new bootstrap for such hellos, and only for those.
func (c Config) bufferBytes() uint32 {
	if n := c.network().BufferBytes; n != 0 {
		return n
	}
	hello := c.MaxClientHelloBytes
	if hello == 0 {
		hello = document.DefaultSettings.MaxClientHelloBytes
	}
	return max(8*uint32(hello), earlyDataLimit)
}

// earlyDataLimit is where reading stops until the upstream is connected.
const earlyDataLimit = 64 << 10

// MemoryBytes is what the gateway needs of memory at its limits: all connections
// full to their buffers on both sides, and itself.
func (c Config) MemoryBytes() int64 {
	const itself = 256 << 20
	return int64(c.maxConnections())*int64(c.bufferBytes()+upstreamBuffer) + itself
}

func (c Config) maxConnections() uint32 {
	if c.MaxConnections == 0 {
		return DefaultMaxConnections
	}
	return c.MaxConnections
}

// maxWaiting is how many connections may wait for their handshake and hello: a
// quarter of all.
func (c Config) maxWaiting() uint32 {
	if n := c.network().MaxWaiting; n != 0 {
		return n
	}
	return min((c.maxConnections()+3)/4, maxMaxWaiting)
}

func overloadManager(maxConnections uint32) *overloadv3.OverloadManager {
	return &overloadv3.OverloadManager{ResourceMonitors: []*overloadv3.ResourceMonitor{{
		Name: "envoy.resource_monitors.global_downstream_max_connections",
		ConfigType: &overloadv3.ResourceMonitor_TypedConfig{TypedConfig: pack(&downstreamv3.DownstreamConnectionsConfig{
			MaxActiveDownstreamConnections: int64(maxConnections),
		})},
	}}}
}

// circuitBreakers lets a cluster have as many connections as the listener
// accepts, connecting ones included. Envoy's default is 1024 of each.
func circuitBreakers(maxConnections uint32) *clusterv3.CircuitBreakers {
	return &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{{
		MaxConnections:     wrapperspb.UInt32(maxConnections),
		MaxPendingRequests: wrapperspb.UInt32(maxConnections),
	}}}
}
