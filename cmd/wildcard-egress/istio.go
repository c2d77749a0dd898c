package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"wildcard-egress/bootstrap/folder"
	"wildcard-egress/bootstrap/istio"
)

// istioFlags are what `istio` can be told.
type istioFlags struct {
	istio.Options
	policy    policyFile
	to, check string
}

func newIstioCommand() *cobra.Command {
	f := &istioFlags{Options: istio.DefaultOptions()}
	c := &cobra.Command{
		Use:   "istio POLICY [--to DIR | --check DIR]",
		Short: "Every manifest that an Istio mesh needs, from the one policy",
		Long: `Render the Kubernetes objects of the egress gateway and of the way to it: one
YAML stream on standard output, or with --to one file for each kind and a
kustomization.yaml. It needs Istio 1.31 or newer.

With --to the folder is replaced at once, or left as it was. It must be empty, not
there yet, or of this command's making. With --check nothing is written: the
exit status is 1 if the folder is not what the same flags would write now.

All options can stand in a file beside the policy, see --options. --print-options
writes it.`,
		Example: `  wildcard-egress istio policy.yaml --to deploy/egress
  kubectl apply -k deploy/egress`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.add(c)
	new(optionsFile).add(c)
	return c
}

func (f *istioFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.SortFlags = false
	f.policy.add(c, "POLICY")
	flags.StringVar(&f.to, "to", "", "write the files to `DIR`")
	flags.StringVar(&f.check, "check", "", "compare with the files in `DIR`")
	flags.StringVar(&f.Name, "name", f.Name, "`NAME` of the gateway and its objects")
	flags.StringVar(&f.Namespace, "namespace", f.Namespace, "the gateway's `NAMESPACE`")
	flags.StringSliceVar(&f.AppNamespaces, "app-namespace", f.AppNamespaces,
		"`NAMESPACE` whose pods must go through the gateway; may be repeated")
	flags.StringVar(&f.IstioNamespace, "istio-namespace", f.IstioNamespace, "istiod's `NAMESPACE`")
	flags.StringVar(&f.ClusterDomain, "cluster-domain", f.ClusterDomain, "the cluster's DNS `DOMAIN`")
	flags.StringVar(&f.Revision, "revision", f.Revision, "istiod's `REVISION` (default: the default one)")
	flags.StringVar(&f.Image, "image", f.Image, "`IMAGE` with the module, of make image; a digest is best")
	flags.StringVar((*string)(&f.Delivery), "delivery", string(f.Delivery),
		"run that image, or mount it into Istio's own (Kubernetes 1.35): `image|mount`")
	flags.StringVar((*string)(&f.PolicyBy), "policy-by", string(f.PolicyBy), "how the policy reaches the gateway, `configmap|ecds`")
	flags.StringVar(&f.PolicyEditors, "policy-editors", f.PolicyEditors, "`GROUP` that may change the policy")
	flags.StringVar((*string)(&f.API), "api", string(f.API), "whose Gateway describes the listener, `istio|gateway`")
	flags.BoolVar(&f.Monitoring, "monitoring", f.Monitoring, "add a PodMonitor, for the Prometheus operator")
	flags.BoolVar(&f.NoEnvoyFilter, "no-envoyfilter", f.NoEnvoyFilter,
		"put the listener into the gateway's bootstrap; AuthorizationPolicy and Telemetry do not reach it there")
	flags.Int32Var(&f.Replicas, "replicas", f.Replicas, "run `N` pods at least")
	flags.Int32Var(&f.MaxReplicas, "max-replicas", f.MaxReplicas, "and `N` at most")
	flags.StringVar((*string)(&f.DataPlane), "data-plane", string(f.DataPlane),
		"what carries connections to the gateway, `sidecar|ambient`; ambient: a plain Envoy behind ztunnel (make image FLAVOR=plain)")
	flags.TextVar(&f.VIP, "vip", f.VIP, "with --data-plane ambient, the `ADDRESS` that the policy's hosts get; another for each gateway")
	flags.Uint16Var(&f.Port, "port", f.Port, "the gateway listens on port `N`; its Service has the policy's ports")
	flags.StringVar((*string)(&f.Cover), "cover", string(f.Cover),
		"tell Istio of each host, or all below its domain or its last label, `host|domain|top-level`: fewer filter chains in the sidecars")
	flags.Var(partsFlag{&f.Without}, "without", "leave out a `PART`: namespace, role, horizontalpodautoscaler,\n"+
		"poddisruptionbudget, telemetry, sidecar, networkpolicy; may be repeated")
	flags.BoolVar(&f.StrictNetwork, "strict-network", f.StrictNetwork,
		"close the rest of the cluster to the applications' pods, too")
	flags.Var(destinationsFlag{&f.AllowEgress}, "allow-egress",
		"let the applications' pods reach a `DESTINATION`, too: NAMESPACE or CIDR, and :PORT if not all; may be repeated")
	flags.Var(destinationsFlag{&f.GatewayAllowEgress}, "gateway-allow-egress", "let the gateway's pods reach a `DESTINATION`, too; may be repeated")
	flags.BoolVar(&f.IPv6, "ipv6", f.IPv6, "the pods have IPv6 addresses; matters with --no-envoyfilter, and with --data-plane ambient")
	addNetworkFlags(flags, &f.Network)
}

func (f *istioFlags) run(cmd *cobra.Command) error {
	if f.to != "" && f.check != "" {
		return fmt.Errorf("--to, --check: write or compare, not both")
	}
	name, text, err := readFile(cmd, string(f.policy))
	if err != nil {
		return err
	}
	d, err := parsePolicy(name, text)
	if err != nil {
		return err
	}
	manifests, err := istio.Render(istio.Policy{Document: d, Text: text}, f.Options)
	if err != nil {
		return err
	}
	for _, note := range manifests.Notes {
		fmt.Fprintln(cmd.ErrOrStderr(), "note:", note)
	}
	switch {
	case f.check != "":
		return f.compare(cmd, manifests)
	case f.to != "":
		return f.replace(cmd, manifests)
	}
	_, err = cmd.OutOrStdout().Write(manifests.Stream())
	return err
}

// replace writes the folder, and says what of the old one kubectl apply leaves
// in the cluster.
func (f *istioFlags) replace(cmd *cobra.Command, manifests istio.Manifests) error {
	older, err := folder.Read(f.to)
	if err == nil {
		err = folder.Replace(f.to, manifests.Folder(), []byte(istio.Header))
	}
	if err != nil {
		return unwritable("--to", err)
	}
	gone, err := manifests.Gone(older)
	if err != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "note: what to delete can not be told, since the old folder is no YAML: %v\n", err)
	}
	if len(gone) > 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), "note: these are not rendered any more, and apply leaves them; once it is done:")
	}
	for _, command := range gone {
		fmt.Fprintln(cmd.ErrOrStderr(), "  "+command)
	}
	return nil
}

// compare prints which files are not as they would be written now.
func (f *istioFlags) compare(cmd *cobra.Command, manifests istio.Manifests) error {
	stale, err := folder.Stale(f.check, manifests.Folder())
	if err != nil {
		return fmt.Errorf("--check: %w; name the folder that --to wrote", plain(err))
	}
	if len(stale) == 0 {
		return nil
	}
	for _, name := range stale {
		fmt.Fprintf(cmd.OutOrStdout(), "%s: out of date\n", name)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "render again, with the same flags and --to %s\n", f.check)
	return errNegative
}
