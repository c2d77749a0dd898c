package main

import (
	"context"
	"fmt"
	"net/netip"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"

	"wildcard-egress/bootstrap"
	"wildcard-egress/filter/policy"
	"wildcard-egress/testenv"
)

// The proxies, by the names that they have in tables.
const (
	floor   = "floor"
	ours    = "ours"
	legacy  = "legacy"
	haproxy = "haproxy"
	nginx   = "nginx"
)

// setup is how proxies are started for one comparison.
type setup struct {
	handshake handshake
	workers   int
	policy    string // the policy's text
}

// startProxy starts a proxy by its name.
func (w *world) startProxy(ctx context.Context, name string, s setup) (*proxy, error) {
	b, err := w.bootstrap(name, s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	text, err := bootstrap.YAML(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	envoy, err := testenv.StartEnvoy(ctx, testenv.EnvoyOptions{
		Name: name, Dir: w.dir, Binary: w.envoy, Bootstrap: text, ModuleDir: w.moduleDir, Concurrency: s.workers,
	})
	if err != nil {
		return nil, err
	}
	p := &proxy{
		name: name, upstream: w.upstream, worker: envoyWorker, stop: envoy.Stop,
		processes: func() ([]int, error) { return []int{envoy.PID()}, nil },
	}
	if p.addr, err = envoy.Addr(); err != nil {
		_ = envoy.Stop() // the error before says more
		return nil, err
	}
	p.client = w.client(p.addr, s.handshake)
	return p, nil
}

func (w *world) bootstrap(name string, s setup) (*bootstrapv3.Bootstrap, error) {
	// Not beside the access logs: the module watches the policy's folder.
	file, err := w.write("policy/policy.yaml", []byte(s.policy))
	if err != nil {
		return nil, err
	}
	c := bootstrap.Config{
		Listen:                netip.MustParseAddrPort("127.0.0.1:0"),
		Admin:                 netip.MustParseAddrPort("127.0.0.1:0"),
		Resolvers:             []netip.AddrPort{w.resolver},
		AllowPrivateAddresses: true, // the upstream is on loopback
		UpstreamPort:          w.upstream.addr().Port(),
		AccessLog:             w.dir + "/" + name + ".access.json",
	}
	if s.handshake != plain {
		c.TLS = &bootstrap.TLS{Cert: w.files.cert, Key: w.files.key, CA: w.files.ca}
	}
	switch name {
	case ours:
		return bootstrap.Gateway(c, file), nil
	case legacy:
		document, err := policy.Parse(file, []byte(s.policy))
		if err != nil {
			return nil, err
		}
		return bootstrap.Legacy(c, bootstrap.HostsOf(document)), nil
	case floor:
		return floorBootstrap(c, w.upstream.addr()), nil
	}
	return nil, fmt.Errorf("no proxy of this name")
}

// floorBootstrap is the gateway without any choice: the same listener, limits,
// mTLS and access log, and one tcp_proxy to one fixed address. Whatever
// decides by name costs more than this.
func floorBootstrap(c bootstrap.Config, upstream netip.AddrPort) *bootstrapv3.Bootstrap {
	b := bootstrap.Gateway(c, "/none")
	cluster := b.StaticResources.Clusters[0]
	cluster.Name = "fixed"
	cluster.LbPolicy = clusterv3.Cluster_ROUND_ROBIN
	cluster.ClusterDiscoveryType = nil
	cluster.LoadAssignment = &endpointv3.ClusterLoadAssignment{
		ClusterName: cluster.Name,
		Endpoints: []*endpointv3.LocalityLbEndpoints{{LbEndpoints: []*endpointv3.LbEndpoint{{
			HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{
				Address: &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
					Address:       upstream.Addr().String(),
					PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(upstream.Port())},
				}}},
			}},
		}}}},
	}
	b.StaticResources.Listeners[0].FilterChains[0].Filters = []*listenerv3.Filter{bootstrap.TCPProxy(cluster.Name)}
	return b
}
