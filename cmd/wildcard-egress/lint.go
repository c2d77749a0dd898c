package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"wildcard-egress/filter/policy/analysis"
)

func newLintCommand() *cobra.Command {
	var output outputFlag
	var options analysis.LintOptions
	var file policyFile
	c := &cobra.Command{
		Use:   "lint POLICY",
		Short: "Warn of what a good policy probably does not mean",
		Long: `Warn of what a good policy probably does not mean. It goes by the requests that
are open, not by how that is written:

  any_host           an allow rule with "*"
  public_suffix      names that anybody can register are open, such as *.com
  shared_host        a CDN, ECH or hosting front that serves other parties' sites
  single_label       a host without a dot
  look_alike         letters of other scripts that look like ASCII ones
  never_decides      a rule or host without which every decision is the same
  shadow_default     defaults.mode is shadow: what no rule allows passes
  no_workload        a principal that no workload of Istio has
  unknown_callers    principals, with --no-client-certificates
  connection_reuse   a deny among allowed names, which HTTP/2 clients get around
  port_not_tls       a port on which clients do not begin with TLS, such as 80
  key_order          a rule that means more if the file is cut off behind hosts
  unreachable_limits limits that no connection can meet
  metric_name        a rule named other, as metrics call those beyond the 500th
  not_finished       10 seconds were over: from this rule on not all was looked at

` + exitStatuses,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := file.read(cmd)
			if err != nil {
				return err
			}
			findings := append([]analysis.Finding{}, analysis.Lint(d, options)...)
			err = output.print(cmd.OutOrStdout(), findings, func(out io.Writer) {
				for _, f := range findings {
					fmt.Fprintf(out, "%v (%s)\n", f.Problem, f.Check)
				}
			})
			if err == nil && len(findings) > 0 {
				return errNegative
			}
			return err
		},
	}
	file.add(c, "POLICY")
	c.Flags().BoolVar(&options.NoClientCertificates, "no-client-certificates", false,
		"the listener asks for no client certificates, so that every caller is unknown")
	output.add(c)
	return c
}
