package testenv

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"wildcard-egress/testenv/built"
	"wildcard-egress/testenv/certs"
	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/dns"
	"wildcard-egress/testenv/envoys"
	"wildcard-egress/testenv/logs"
	"wildcard-egress/testenv/sites"
	"wildcard-egress/testenv/ztunnel"
)

func (e *Env) start(ctx context.Context) error {
	for _, step := range []func(context.Context) error{e.findFiles, e.startWorld, e.startGateway, e.startZtunnels, e.startSidecar} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (e *Env) progress(format string, args ...any) {
	if e.options.Progress != nil {
		e.options.Progress(fmt.Sprintf(format, args...))
	}
}

// findFiles settles what is used, before anything is started.
func (e *Env) findFiles(ctx context.Context) (err error) {
	o := &e.options
	if o.Envoy == "" {
		if o.Envoy, err = envoys.Find(); err != nil {
			return err
		}
	}
	if e.envoyVersion, err = envoys.Version(ctx, o.Envoy); err != nil {
		return err
	}
	if o.ModuleDir == "" {
		if o.ModuleDir, err = built.Dir(); err != nil {
			return err
		}
	}
	if o.Dir == "" {
		if o.Dir, err = os.MkdirTemp("", "wildcard-egress-"); err != nil {
			return err
		}
		e.closers = append(e.closers, func() error { return os.RemoveAll(o.Dir) })
	}
	e.Dir = o.Dir
	// A folder of its own, as a ConfigMap's mount is: the module watches it, and
	// each write to an access log beside the policy would wake the module.
	e.PolicyFile = filepath.Join(o.Dir, "policy", "policy.yaml")
	if err := os.MkdirAll(filepath.Dir(e.PolicyFile), 0o700); err != nil {
		return err
	}
	return e.WritePolicy(o.Policy)
}

// startWorld starts what is outside: certificates, DNS and the sites.
func (e *Env) startWorld(context.Context) (err error) {
	names := e.options.Sites
	if len(names) == 0 {
		names = ArticleSites
	}
	e.progress("starting a DNS server and %d sites", len(names))
	if e.Identities, err = certs.NewIdentities(); err != nil {
		return err
	}
	if e.meshCA, err = e.Identities.Authority.WriteFile(e.Dir, "mesh-ca"); err != nil {
		return err
	}
	if e.DNS, err = dns.Start(); err != nil {
		return err
	}
	e.closers = append(e.closers, e.DNS.Close)
	if e.Upstream, err = sites.NewUpstreams(); err != nil {
		return err
	}
	e.closers = append(e.closers, e.Upstream.Close)
	e.Plain, e.SiteAuthority = e.options.Plain, e.Upstream.Authority
	for _, name := range names {
		if _, err := e.AddTLSSite(name); err != nil {
			return err
		}
	}
	return nil
}

func (e *Env) startGateway(ctx context.Context) error {
	o := e.options
	e.progress("starting the gateway, Envoy %s", e.envoyVersion)
	e.GatewayLog = logs.At(filepath.Join(e.Dir, "gateway.access.json"))
	config, err := e.render(ctx, cmp.Or(o.Chain, "gateway"), e.Identities.Gateway, e.GatewayLog, o.GatewayFlags...)
	if err == nil && o.EditGateway != nil {
		config, err = o.EditGateway(config)
	}
	if err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	e.Gateway, e.GatewayAddr, err = e.startEnvoy(ctx, envoys.Options{
		Name: "gateway", Bootstrap: config, ModuleDir: o.ModuleDir, Args: o.GatewayArgs, Env: o.GatewayEnv,
	})
	return err
}

// startZtunnels starts the one of the gateway's pod, and makes that of the
// applications.
func (e *Env) startZtunnels(context.Context) error {
	if !e.options.Ambient {
		return nil
	}
	e.progress("starting the stand-ins for ztunnel")
	server, err := ztunnel.Start(ztunnel.Options{
		Certificate: e.Identities.Gateway, Callers: e.Identities.Authority.Pool(), Gateway: e.GatewayAddr,
	})
	if err != nil {
		return fmt.Errorf("ztunnel: %w", err)
	}
	e.closers = append(e.closers, server.Close)
	e.Ztunnel = &ztunnel.Dialer{Server: server.Addr(), Authority: e.Identities.Authority, Timeout: client.DialTimeout}
	e.closers = append(e.closers, e.Ztunnel.Close)
	capture, err := e.Ztunnel.Capture(e.Identities.App, netip.AddrPortFrom(client.VIP, 443))
	if err != nil {
		return fmt.Errorf("ztunnel: %w", err)
	}
	e.closers = append(e.closers, capture.Close)
	e.SidecarAddr = capture.Addr().String() // in a sidecar's place
	return nil
}

func (e *Env) startSidecar(ctx context.Context) error {
	if e.options.WithoutSidecar || e.options.Ambient {
		return nil
	}
	e.progress("starting the sidecar, Envoy %s", e.envoyVersion)
	e.SidecarLog = logs.At(filepath.Join(e.Dir, "sidecar.access.json"))
	config, err := e.renderSidecar(ctx)
	if err != nil {
		return fmt.Errorf("sidecar: %w", err)
	}
	e.Sidecar, e.SidecarAddr, err = e.startEnvoy(ctx, envoys.Options{Name: "sidecar", Bootstrap: config})
	return err
}

func (e *Env) renderSidecar(ctx context.Context) ([]byte, error) {
	flags := append([]string{"--gateway", e.GatewayAddr}, e.options.SidecarFlags...)
	return e.render(ctx, "sidecar", e.Identities.App, e.SidecarLog, flags...)
}

// UpdateSidecar renders the sidecar again, for the hosts of the policy as it is
// now. Options.SidecarFlags must have --lds: that file is what the sidecar watches.
func (e *Env) UpdateSidecar(ctx context.Context) error {
	if e.options.Ambient { // there is none: only the policy's mistakes are told
		_, err := built.Run(ctx, "check", e.PolicyFile)
		return err
	}
	_, err := e.renderSidecar(ctx)
	return err
}

func (e *Env) startEnvoy(ctx context.Context, o envoys.Options) (*envoys.Envoy, string, error) {
	o.Dir, o.Binary, o.Concurrency = e.Dir, e.options.Envoy, e.options.Concurrency
	envoy, err := envoys.Start(ctx, o)
	if err != nil {
		return nil, "", err
	}
	e.closers = append(e.closers, envoy.Stop)
	addr, err := envoy.Addr()
	return envoy, addr, err
}
