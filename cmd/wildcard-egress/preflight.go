package main

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"wildcard-egress/filter/policy/document"
	"wildcard-egress/livepolicy"
	"wildcard-egress/preflight"
)

// preflightFlags are what `preflight` can be told.
type preflightFlags struct {
	policy     policyFile
	admin, pod string
	port       uint16
	guardAllow []netip.Prefix
	output     outputFlag
}

func newPreflightCommand() *cobra.Command {
	f := &preflightFlags{}
	c := &cobra.Command{
		Use:   "preflight [--admin HOST:PORT | --kubectl [NAMESPACE/]POD] [POLICY]",
		Short: "Ask a running gateway whether it does what it should",
		Long: `Ask a running gateway whether its configuration is whole and its policy in
force. An open port proves nothing, and Envoy's config_dump shows a refused
configuration too, so this asks the module itself. Each finding that is not as it
should be comes with what to do.

It reads Envoy's admin interface: at --admin, or with --kubectl through the agent
in an Istio pod, which takes the permission to exec there.

The exit status is 0 if all is well, 1 if something is not, 2 for bad usage.`,
		Example: `  wildcard-egress preflight policy.yaml
  wildcard-egress preflight --kubectl wildcard-egress/wildcard-egress-5d9c policy.yaml`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	c.Flags().SortFlags = false
	c.Flags().StringVar(&f.admin, "admin", defaultAdmin, "Envoy's admin interface, `HOST:PORT` or a URL")
	c.Flags().StringVar(&f.pod, "kubectl", "", "ask in a pod instead, `[NAMESPACE/]POD`")
	f.policy.add(c, "[POLICY]")
	c.Flags().Uint16Var(&f.port, "port", 8443, "the gateway's listener, `N`")
	c.Flags().Var(prefixesFlag{&f.guardAllow}, "guard-allow", "a range that the gateway was rendered to let through, `CIDR`; may be repeated")
	f.output.add(c)
	return c
}

func (f *preflightFlags) run(cmd *cobra.Command) error {
	if f.pod != "" && cmd.Flags().Changed("admin") {
		return fmt.Errorf("preflight: --admin, --kubectl: ask at one of them, not at both")
	}
	want, err := f.wantedVersion(cmd)
	if err != nil {
		return err
	}
	ask, err := f.ask(cmd.Context())
	if err != nil {
		return err
	}
	gateway := preflight.Read(ask, f.port)
	gateway.GuardAllow = f.guardAllow
	findings := preflight.Inspect(gateway, want)
	if err := f.output.print(cmd.OutOrStdout(), findings, func(w io.Writer) { printFindings(w, findings) }); err != nil {
		return err
	}
	for _, finding := range findings {
		if finding.Status != preflight.OK {
			return errNegative
		}
	}
	return nil
}

// wantedVersion is the policy_version of the file; 0 without one. A policy that
// no gateway would take can not be what should be in force.
func (f *preflightFlags) wantedVersion(cmd *cobra.Command) (uint64, error) {
	if f.policy == "" {
		return 0, nil
	}
	name, text, err := readFile(cmd, string(f.policy))
	if err != nil {
		return 0, err
	}
	if _, err := document.Parse(name, text); err != nil {
		return 0, err
	}
	return livepolicy.Version(text), nil
}

func (f *preflightFlags) ask(ctx context.Context) (preflight.Ask, error) {
	if f.pod != "" {
		return preflight.Pod(ctx, f.pod)
	}
	return preflight.Admin(ctx, f.admin)
}

func printFindings(w io.Writer, findings []preflight.Finding) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	failed := 0
	for _, f := range findings {
		fmt.Fprintf(table, "%s\t%s\t%s\n", f.Status, f.Check, f.Detail)
		if f.Status != preflight.OK {
			failed++
		}
	}
	table.Flush()
	for _, f := range findings {
		if f.Status == preflight.Fail {
			fmt.Fprintf(w, "\n%s: %s\n", f.Check, f.Fix)
		}
	}
	if failed > 0 {
		fmt.Fprintf(w, "\n%d of %s not ok\n", failed, count(len(findings), "check"))
	}
}
