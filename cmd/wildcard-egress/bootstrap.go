package main

import (
	"errors"
	"fmt"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"wildcard-egress/bootstrap"
	"wildcard-egress/bootstrap/folder"
	"wildcard-egress/filter"
	"wildcard-egress/filter/policy/document"
)

func newBootstrapCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "bootstrap gateway|sidecar|legacy",
		Short: "Render an Envoy bootstrap",
		Long: `Render an Envoy bootstrap, as YAML on standard output.

Envoy checks it with "envoy --mode validate -c FILE". The gateway's needs the
module: set ENVOY_DYNAMIC_MODULES_SEARCH_PATH to the directory that has
libwildcard_egress.so.`,
		Args: cobra.ArbitraryArgs, // so that a wrong kind is an error and not the help text
		RunE: chooseCommand,
	}
	c.AddCommand(newGatewayCommand(), newSidecarCommand(), newLegacyCommand())
	return c
}

// gatewayFlags are what `bootstrap gateway` can be told.
type gatewayFlags struct {
	bootstrapFlags
	ambient        ambientFlags
	network        bootstrap.Network
	require        bool
	requireEndMark bool
	decisionCache  uint32
}

func newGatewayCommand() *cobra.Command {
	f := &gatewayFlags{network: bootstrap.DefaultNetwork()}
	c := &cobra.Command{
		Use:   "gateway POLICY",
		Short: "The egress gateway: wildcard_egress, sni_dynamic_forward_proxy, tcp_proxy",
		Long: `Render the bootstrap of the egress gateway: one listener that ends the outer
mTLS and has the chain wildcard_egress, sni_dynamic_forward_proxy, tcp_proxy.
The policy is named in it, not copied: the module reads and watches the file.

Without --cert, --key and --ca it is plain TCP: nobody's name is known, so rules
with principals allow nobody, and it listens on loopback unless told otherwise.

With --ambient it is for the pod of an Istio waypoint, behind ztunnel: the
listener is on loopback, and takes callers and ports from the PROXY protocol.`,
		Example: `  wildcard-egress bootstrap gateway policy.yaml \
    --cert gateway.pem --key gateway.key --ca ca.pem > gateway.yaml
  wildcard-egress bootstrap gateway --ambient policy.yaml > gateway.yaml`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.add(c, "0.0.0.0:8443", defaultAdmin)
	f.addLDS(c.Flags())
	addNetworkFlags(c.Flags(), &f.network)
	f.ambient.add(c.Flags())
	c.Flags().BoolVar(&f.require, "require-policy-at-start", false,
		"refuse to start without a good policy, instead of denying everything until there is one")
	c.Flags().BoolVar(&f.requireEndMark, "require-end-mark", false,
		"refuse every policy whose last line is not \"...\"; else only one that may have been cut off, being written in place")
	c.Flags().Uint32Var(&f.decisionCache, "decision-cache", 0,
		"how many decisions each worker keeps, `N` (the module's default is 4096); 0: none, every connection asks the policy")
	new(optionsFile).add(c)
	return c
}

func (f *gatewayFlags) run(cmd *cobra.Command) error {
	if f.policy == "-" {
		return fmt.Errorf("gateway: name the policy's file, not -: the gateway reads and watches it")
	}
	config, err := f.config(cmd.Flags())
	if err != nil {
		return err
	}
	if config.TLS == nil && !f.ambient.on {
		warnOfUnknownCallers(cmd.ErrOrStderr(), config.Listen)
	}
	if d, err := f.policy.read(cmd); err == nil {
		config.MaxClientHelloBytes = d.Defaults.MaxClientHelloBytes
		if err := bootstrap.CheckNames(d, f.network.DNSNames); err != nil {
			return err
		}
	} else {
		what := "denies everything"
		if f.require {
			what = "does not start"
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "warning: the gateway %s until the policy is mended:\n%v\n", what, err)
	}
	b := bootstrap.Gateway(config, string(f.policy))
	if f.ambient.on {
		if b, err = f.ambient.render(config, cmd.Flags(), string(f.policy)); err != nil {
			return err
		}
	}
	return f.render(cmd, b)
}

// config checks all the flags and reports every mistake.
func (f *gatewayFlags) config(flags *pflag.FlagSet) (bootstrap.Config, error) {
	if f.cert+f.key+f.ca == "" && !flags.Changed("listen") {
		f.listen = plainListen
	}
	config, err := f.bootstrapFlags.config()
	faults := faults{err, f.network.Validate(), f.ambient.check(flags)}
	if !f.ambient.on { // else it listens elsewhere
		faults = append(faults, apart(place{"--listen", config.Listen}, place{"--admin", config.Admin}))
	}
	if guard := f.network.Guard; config.AllowPrivateAddresses && len(guard.Allow)+len(guard.Deny) > 0 {
		faults.add("--guard-allow, --guard-deny: --address-guard off leaves nothing for them to change")
	}
	if f.decisionCache > filter.MaxDecisionCache {
		faults.add("--decision-cache %d: want 0 to %d", f.decisionCache, filter.MaxDecisionCache)
	}
	config.Network, config.RequirePolicyAtStart, config.RequireEndMark = &f.network, f.require, f.requireEndMark
	if flags.Changed("decision-cache") {
		config.DecisionCache = &f.decisionCache
	}
	return config, faults.err()
}

func newSidecarCommand() *cobra.Command {
	f := &bootstrapFlags{}
	var gateway, principal, unlisted string
	c := &cobra.Command{
		Use:   "sidecar POLICY --gateway HOST:PORT",
		Short: "An application's sidecar, which sends the policy's hosts to the gateway",
		Long: `Render the bootstrap of an application's sidecar: it sends TLS for the hosts of
the policy's allow rules to the gateway, wrapped in mTLS as Istio does it. It
takes the narrowest hosts that Envoy can tell apart; the gateway decides the
rest. What is not TLS is closed. With --lds, the same command after an edit of
the policy is all that a running sidecar needs for its new hosts.

The outer server name says port 443, whatever the rules say: this sidecar has
one listener, and does not see which port the application meant.`,
		Example: `  wildcard-egress bootstrap sidecar policy.yaml --gateway 127.0.0.1:8443 \
    --cert app.pem --key app.key --ca ca.pem > sidecar.yaml
  curl --connect-to ::127.0.0.1:15001 https://en.wikipedia.org/`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := f.config()
			faults := faults{err, apart(place{"--listen", config.Listen}, place{"--admin", config.Admin})}
			s := bootstrap.SidecarConfig{
				GatewayPrincipal: principal,
				Passthrough:      choiceFlag(&faults, "--unlisted", unlisted, "block", "passthrough") == "passthrough",
			}
			if principal != "" && document.SPIFFEIDFault(principal) != "" {
				faults.add("--gateway-principal %q: %s", principal, document.SPIFFEIDFault(principal))
			}
			if s.GatewayHost, s.GatewayPort, err = bootstrap.HostPort(gateway, "127.0.0.1:8443"); err != nil {
				faults.add("--gateway %w", err)
			}
			if err := errors.Join(faults...); err != nil {
				return err
			}
			if s.Hosts, err = f.hosts(cmd); err != nil {
				return err
			}
			return f.render(cmd, bootstrap.Sidecar(config, s))
		},
	}
	f.add(c, "127.0.0.1:15001", "127.0.0.1:9902")
	f.addLDS(c.Flags())
	c.Flags().StringVar(&gateway, "gateway", "", "the egress gateway, `HOST:PORT`, by IP address or full host name (required)")
	c.Flags().StringVar(&principal, "gateway-principal", "",
		"SPIFFE `ID` that the gateway must have (default: any certificate of --ca)")
	c.Flags().StringVar(&unlisted, "unlisted", "block",
		"TLS to other hosts, `block|passthrough`; passthrough goes to where the name resolves, not to the address that was dialled")
	new(optionsFile).add(c)
	return c
}

func newLegacyCommand() *cobra.Command {
	f := &bootstrapFlags{}
	c := &cobra.Command{
		Use:   "legacy POLICY",
		Short: "The chain of EnvoyFilters that this project replaces, for comparison",
		Long: `Render the chain of the article "Routing egress traffic to wildcard
destinations" (istio.io, 2023): a listener that ends the outer mTLS, an internal
listener behind it with tls_inspector and sni_dynamic_forward_proxy, two
tcp_proxies. It knows hosts only: no principals, no deny rules, one port.`,
		Example: `  wildcard-egress bootstrap legacy policy.yaml \
    --cert gateway.pem --key gateway.key --ca ca.pem > legacy.yaml`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := f.config()
			err = errors.Join(err, apart(place{"--listen", config.Listen}, place{"--admin", config.Admin}))
			if err != nil {
				return err
			}
			hosts, err := f.hosts(cmd)
			if err != nil {
				return err
			}
			return f.render(cmd, bootstrap.Legacy(config, hosts))
		},
	}
	f.add(c, "0.0.0.0:8444", "127.0.0.1:9903")
	f.addLDS(c.Flags())
	new(optionsFile).add(c)
	return c
}

// render prints b, and writes its listeners to a file of their own if asked to.
func (f *bootstrapFlags) render(cmd *cobra.Command, b *bootstrapv3.Bootstrap) error {
	warnOfOpenAdmin(cmd.ErrOrStderr(), addressFlag(new(faults), "--admin", f.admin))
	if f.lds != "" {
		listeners, err := bootstrap.YAML(bootstrap.SplitListeners(b, f.lds))
		if err != nil {
			return err
		}
		if err := folder.ReplaceFile(f.lds, listeners, []byte("resources:\n")); err != nil {
			return unwritable("--lds", err)
		}
	}
	out, err := bootstrap.YAML(b)
	if err != nil {
		return err
	}
	_, err = cmd.OutOrStdout().Write(out)
	return err
}

// hosts reads what the listeners must know of the policy.
func (f *bootstrapFlags) hosts(cmd *cobra.Command) (bootstrap.Hosts, error) {
	d, err := f.policy.read(cmd)
	if err != nil {
		return bootstrap.Hosts{}, err
	}
	return bootstrap.HostsOf(d), nil
}
