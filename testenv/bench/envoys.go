package main

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	"google.golang.org/protobuf/proto"

	"wildcard-egress/bootstrap"
	"wildcard-egress/filter/policy/document"
	"wildcard-egress/testenv/certs"
	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/envoys"
	"wildcard-egress/testenv/ztunnel"
)

// startEnvoy starts one of the proxies that are Envoys.
func (w *world) startEnvoy(ctx context.Context, kind string, s setup) (*proxy, error) {
	p := w.newProxy(kind, s)
	p.workers = envoyWorkers
	config, err := w.envoyConfig(p, s)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	envoy, err := envoys.Start(ctx, envoys.Options{
		Name: p.file, Dir: w.dir, Binary: w.envoy, Bootstrap: config, ModuleDir: w.moduleDir, Concurrency: s.workers,
		Args: []string{"--drain-time-s", fmt.Sprint(int(drainTime.Seconds())), "--parent-shutdown-time-s", "900"},
	})
	if err != nil {
		return nil, err
	}
	p.startTime = time.Since(begin)
	p.stop = envoy.Stop
	p.processes = func() ([]int, error) { return []int{envoy.PID()}, nil }
	if p.addr, err = envoy.Addr(); err != nil {
		_ = envoy.Stop() // the error before says more
		return nil, err
	}
	p.client = w.client(p.addr, s.handshake)
	if p.behindZtunnel(s) {
		p.client.first = ztunnel.HeaderOf(certs.AppID, netip.MustParseAddrPort("10.0.0.7:40000"), netip.AddrPortFrom(client.VIP, 443)).Bytes()
	}
	return p, nil
}

// behindZtunnel says whether callers come by the PROXY protocol: those of ours do,
// where the others are in plain TCP.
func (p *proxy) behindZtunnel(s setup) bool {
	return s.handshake == ambient && p.isOurs()
}

// isOurs says whether the proxy is this project's gateway, whatever is left out.
func (p *proxy) isOurs() bool {
	return slices.Contains([]string{ours, unaided, uncounted, unlimited}, p.kind)
}

func (w *world) envoyConfig(p *proxy, s setup) ([]byte, error) {
	c := bootstrap.Config{
		Listen:                netip.MustParseAddrPort("127.0.0.1:0"),
		Admin:                 netip.MustParseAddrPort("127.0.0.1:0"),
		Resolvers:             []netip.AddrPort{w.resolver},
		AllowPrivateAddresses: true, // the upstream is on loopback
		UpstreamPort:          w.upstream.addr().Port(),
		AccessLog:             filepath.Join(w.dir, p.file+".access.json"),
	}
	network := bootstrap.DefaultNetwork()
	network.RuleMetrics = p.isOurs() && p.kind != uncounted // there is no rule elsewhere
	network.MaxWaiting = 1 << 20                            // all load comes from one address, which has a quarter of them
	c.Network = &network
	if s.handshake.tls() {
		c.TLS = &bootstrap.TLS{Cert: w.files.cert, Key: w.files.key, CA: w.files.ca}
	}
	switch p.kind {
	case ours, unaided, uncounted, unlimited:
		if p.kind == unaided {
			c.DecisionCache = new(uint32)
		}
		// Not beside the access logs: the module watches the policy's folder.
		file := filepath.Join(p.file+".policy", "policy.yaml")
		p.edit = func(hosts []string) error { return w.write(file, policyOf(hosts, p.kind != unlimited)) }
		if err := p.edit(s.hosts); err != nil {
			return nil, err
		}
		if p.behindZtunnel(s) {
			b, err := bootstrap.AmbientGateway(c, filepath.Join(w.dir, file), bootstrap.AmbientConfig{})
			if err != nil {
				return nil, err
			}
			return bootstrap.YAML(b)
		}
		return bootstrap.YAML(bootstrap.Gateway(c, filepath.Join(w.dir, file)))
	case legacy, terse, article:
		return w.legacyConfig(p, s, c)
	case limit:
		return bootstrap.YAML(limitBootstrap(c))
	}
	return bootstrap.YAML(floorBootstrap(c, w.upstream.addr()))
}

// legacyConfig has Envoy read the listeners from a file in protobuf's binary
// form, as near as a file comes to what istiod sends: to have Envoy parse
// 100,000 hosts as YAML would be unfair.
func (w *world) legacyConfig(p *proxy, s setup, c bootstrap.Config) ([]byte, error) {
	file := p.file + ".listeners.pb"
	split := func(hosts []string) (*bootstrapv3.Bootstrap, []byte, error) {
		d, err := document.Parse(file, policyOf(hosts, false))
		if err != nil {
			return nil, nil, err
		}
		b := bootstrap.Legacy(c, bootstrap.HostsOf(d))
		switch p.kind {
		case article:
			withDefaultCache(b)
		case terse:
			withoutOuterLog(b)
		}
		listeners, err := proto.Marshal(bootstrap.SplitListeners(b, filepath.Join(w.dir, file)))
		return b, listeners, err
	}
	p.edit = func(hosts []string) error {
		_, listeners, err := split(hosts)
		if err != nil {
			return err
		}
		return w.write(file, listeners)
	}
	b, listeners, err := split(s.hosts)
	if err != nil {
		return nil, err
	}
	if err := w.write(file, listeners); err != nil {
		return nil, err
	}
	return bootstrap.YAML(b)
}
