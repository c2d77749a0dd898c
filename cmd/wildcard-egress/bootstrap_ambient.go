package main

import (
	"errors"
	"net/netip"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	"github.com/spf13/pflag"

	"wildcard-egress/bootstrap"
)

// ambientFlags are those of a gateway behind ztunnel.
type ambientFlags struct {
	on     bool
	ipv6   bool
	health string
}

func (a *ambientFlags) add(flags *pflag.FlagSet) {
	flags.BoolVar(&a.on, "ambient", false,
		"behind Istio's ztunnel: callers come from the PROXY protocol on loopback, without certificates; --listen is 127.0.0.1:15088 then")
	flags.BoolVar(&a.ipv6, "ipv6", false, "with --ambient, accept on ::1 too")
	flags.StringVar(&a.health, "health", "0.0.0.0:15021",
		"with --ambient, where readiness (/healthz/ready) and metrics (/stats/prometheus) are, `HOST:PORT`; empty: nowhere")
}

// check says which flags contradict each other. f's flags are read already.
func (a *ambientFlags) check(flags *pflag.FlagSet) error {
	var faults faults
	if !a.on {
		for _, name := range []string{"ipv6", "health"} {
			if flags.Changed(name) {
				faults.add("--%s: only with --ambient", name)
			}
		}
	}
	for _, name := range []string{"cert", "key", "ca"} {
		if a.on && flags.Changed(name) {
			faults.add("--%s: not with --ambient: ztunnel ends the mTLS and says who calls; the gateway has no certificate", name)
		}
	}
	return faults.err()
}

// render makes the bootstrap. The address is checked there.
func (a *ambientFlags) render(c bootstrap.Config, flags *pflag.FlagSet, policyFile string) (*bootstrapv3.Bootstrap, error) {
	if !flags.Changed("listen") {
		c.Listen = bootstrap.AmbientListen
	}
	var faults faults
	if err := bootstrap.CheckLoopback(c.Listen.Addr()); err != nil {
		faults.add("--listen %w", err)
	}
	places := []place{{"--listen", c.Listen}, {"--admin", c.Admin}}
	if a.ipv6 {
		places = append(places, place{"--ipv6", netip.AddrPortFrom(netip.IPv6Loopback(), c.Listen.Port())})
	}
	var health netip.AddrPort
	if a.health != "" {
		health = addressFlag(&faults, "--health", a.health)
		places = append(places, place{"--health", health})
		if c.Admin.Port() == 0 {
			faults.add("--admin %s: --health asks the admin interface: give it a port of its own", c.Admin)
		}
	}
	if err := errors.Join(faults.err(), apart(places...)); err != nil {
		return nil, err
	}
	return bootstrap.AmbientGateway(c, policyFile, bootstrap.AmbientConfig{IPv6: a.ipv6, Health: health})
}
