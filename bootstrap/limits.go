package bootstrap

import (
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	overloadv3 "github.com/envoyproxy/go-control-plane/envoy/config/overload/v3"
	downstreamv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/resource_monitors/downstream_connections/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// DefaultMaxConnections is the default limit of downstream connections. Each
// takes two files, and Envoy 1.39 and 1.40 crash when they run out of files.
// Envoy raises its soft limit to the hard one, which container runtimes and
// systemd set to half a million or more; this fits into 20,000, with room for
// all else.
const DefaultMaxConnections = 8192

// handshakeTimeout limits the outer handshake, and before it the wait for its
// first message, 15 s each as istiod has it. The filter's own deadline begins
// when the handshake is done.
const handshakeTimeout = 15 * time.Second

// bufferLimit is where Envoy stops to read until the other side has taken what
// is there. The largest hello that a policy may allow, 64 KiB, has six times
// its size when each of its bytes comes in a TLS record of its own, and the
// filter must see it whole.
const bufferLimit = 512 << 10

// earlyDataLimit is where reading stops until the upstream is connected.
const earlyDataLimit = 64 << 10

func (c Config) maxConnections() uint32 {
	if c.MaxConnections == 0 {
		return DefaultMaxConnections
	}
	return c.MaxConnections
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
