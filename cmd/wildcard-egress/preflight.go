package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/netip"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"wildcard-egress/bootstrap"
	"wildcard-egress/livepolicy"
	"wildcard-egress/preflight"
)

// preflightFlags are what `preflight` can be told.
type preflightFlags struct {
	policy     policyFile
	admin, pod string
	mesh       string
	port       uint16
	guardAllow []netip.Prefix
	dataPlane  string
	output     outputFlag
}

func newPreflightCommand() *cobra.Command {
	f := &preflightFlags{}
	c := &cobra.Command{
		Use:   "preflight [--admin HOST:PORT | --kubectl TARGET] [POLICY]",
		Short: "Ask a running gateway whether it does what it should",
		Long: `Ask a running gateway whether its configuration is whole and its policy in
force. An open port proves nothing, and Envoy's config_dump shows a refused
configuration too, so this asks the module itself. Each finding that is not as it
should be comes with what to do.

It reads Envoy's admin interface: at --admin, or with --kubectl in the pod, through
Istio's agent or, with --data-plane ambient, this command in the image; that takes
the permission to exec there. With NAMESPACE/deploy/NAME it asks all pods, and
looks at what is around them: what NetworkPolicies cut (DNS first), EnvoyFilters
and Sidecars of others, exportTo, ambient namespaces, and hosts that others list
too; behind ztunnel, whether the objects make the gateway a waypoint, and what
goes round it. It never writes.

The exit status is 0 if all is well, 1 if something is not, 2 for bad usage.`,
		Example: `  wildcard-egress preflight policy.yaml
  wildcard-egress preflight --kubectl wildcard-egress/deploy/wildcard-egress policy.yaml
  wildcard-egress preflight --data-plane ambient --kubectl wildcard-egress/deploy/wildcard-egress policy.yaml`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	c.Flags().SortFlags = false
	c.Flags().StringVar(&f.admin, "admin", defaultAdmin, "Envoy's admin interface, `HOST:PORT` or a URL")
	c.Flags().StringVar(&f.pod, "kubectl", "", "ask in a pod instead, or in all of a Deployment and around it, `TARGET`: [NAMESPACE/]POD or NAMESPACE/deploy/NAME")
	c.Flags().StringVar(&f.mesh, "istio-namespace", "istio-system", "istiod's `NAMESPACE`")
	f.policy.add(c, "[POLICY]")
	c.Flags().Uint16Var(&f.port, "port", 8443, "the gateway's listener, `N`")
	c.Flags().Var(prefixesFlag{&f.guardAllow}, "guard-allow", "a range that the gateway was rendered to let through, `CIDR`; may be repeated")
	c.Flags().StringVar(&f.dataPlane, "data-plane", "sidecar",
		"what carries connections to the gateway, `sidecar|ambient`; ambient: --port is 15088")
	f.output.add(c)
	return c
}

func (f *preflightFlags) run(cmd *cobra.Command) error {
	if f.pod != "" && cmd.Flags().Changed("admin") {
		return fmt.Errorf("preflight: --admin, --kubectl: ask at one of them, not at both")
	}
	if err := f.checkDataPlane(cmd); err != nil {
		return err
	}
	want, err := f.wantedVersion(cmd)
	if err != nil {
		return err
	}
	findings, err := f.findings(cmd.Context(), want)
	if err != nil {
		return err
	}
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

func (f *preflightFlags) checkDataPlane(cmd *cobra.Command) error {
	var faults faults
	ambient := choiceFlag(&faults, "--data-plane", f.dataPlane, "sidecar", "ambient") == "ambient"
	if ambient && !cmd.Flags().Changed("port") {
		f.port = bootstrap.AmbientListen.Port()
	}
	return faults.err()
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
	if _, err := parsePolicy(name, text); err != nil {
		return 0, err
	}
	return livepolicy.Version(text), nil
}

// findings are those of one gateway, or of all pods of a Deployment and of the
// cluster around them.
func (f *preflightFlags) findings(ctx context.Context, want uint64) ([]preflight.Finding, error) {
	if f.pod == "" {
		ask, err := preflight.Admin(ctx, f.admin, preflight.InspectWithin)
		if err != nil {
			return nil, err
		}
		return f.inspect(ask, want), nil
	}
	target, err := preflight.ParseTarget(f.pod)
	if err != nil {
		return nil, err
	}
	kubectl := preflight.NewKubectl(ctx)
	if target.Deployment == "" {
		ask, _ := f.inPod(kubectl, target.Namespace, target.Pod)
		return f.inspect(ask, want), nil
	}
	pods, selector, err := target.Pods(kubectl)
	if err != nil {
		return []preflight.Finding{preflight.Unreachable(err)}, nil
	}
	around, resolver := f.around(kubectl, target.Namespace, selector)
	var all []preflight.Finding
	for _, pod := range pods {
		ask, lookup := f.inPod(kubectl, target.Namespace, pod)
		for _, finding := range append(f.inspect(ask, want), resolver(lookup)...) {
			finding.Pod = pod
			all = append(all, finding)
		}
	}
	return append(all, around...), nil
}

func (f *preflightFlags) ambient() bool { return f.dataPlane == "ambient" }

// inspect has the findings of one gateway.
func (f *preflightFlags) inspect(ask preflight.Ask, want uint64) []preflight.Finding {
	gateway := preflight.Read(ask, f.port)
	gateway.GuardAllow = f.guardAllow
	if f.ambient() {
		return preflight.InspectAmbient(gateway, want)
	}
	return preflight.Inspect(gateway, want)
}

// inPod asks in a pod; with sidecars the agent cannot look names up.
func (f *preflightFlags) inPod(kubectl preflight.Kubectl, namespace, pod string) (preflight.Ask, preflight.Lookup) {
	if f.ambient() {
		return preflight.PlainPod(kubectl, namespace, pod)
	}
	return preflight.Pod(kubectl, namespace, pod), nil
}

// around has the findings on the cluster, and what asks a pod's resolver.
func (f *preflightFlags) around(kubectl preflight.Kubectl, namespace string, selector map[string]string) (
	[]preflight.Finding, func(preflight.Lookup) []preflight.Finding) {
	if !f.ambient() {
		cluster := preflight.ReadCluster(kubectl, namespace, f.mesh, selector, f.port)
		return preflight.InspectCluster(cluster), func(preflight.Lookup) []preflight.Finding { return nil }
	}
	cluster := preflight.ReadAmbientCluster(kubectl, namespace, f.mesh, selector)
	return preflight.InspectAmbientCluster(cluster), func(lookup preflight.Lookup) []preflight.Finding {
		return []preflight.Finding{preflight.InspectResolver(lookup, cluster.Hosts(), cluster.VIPs())}
	}
}

func printFindings(w io.Writer, findings []preflight.Finding) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	failed, pod := 0, ""
	for _, f := range findings {
		if f.Pod != pod {
			table.Flush()
			fmt.Fprintf(w, "%s%s:\n", map[bool]string{true: "\n"}[pod != ""], cmp.Or(f.Pod, "the cluster around them"))
			pod = f.Pod
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", f.Status, f.Check, f.Detail)
		if f.Status != preflight.OK {
			failed++
		}
	}
	table.Flush()
	for _, f := range findings {
		if f.Status == preflight.Fail {
			fmt.Fprintf(w, "\n%s%s: %s\n", map[bool]string{true: f.Pod + ", "}[f.Pod != ""], f.Check, f.Fix)
		}
	}
	if failed > 0 {
		fmt.Fprintf(w, "\n%d of %s not ok\n", failed, count(len(findings), "check"))
	}
}
