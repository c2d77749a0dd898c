package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"wildcard-egress/filter/policy/analysis"
)

func newLintCommand() *cobra.Command {
	var output outputFlag
	var file policyFile
	c := &cobra.Command{
		Use:   "lint POLICY",
		Short: "Warn of what a good policy probably does not mean",
		Long: `Warn of what a good policy probably does not mean:

  any_host       an allow rule with "*"
  public_suffix  a wildcard under which anybody can register, such as *.com
  shared_host    a CDN, ECH or hosting front that serves other parties' sites
  single_label   a host without a dot
  never_decides  a rule or host for which another rule always decides

` + exitStatuses,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := file.read(cmd)
			if err != nil {
				return err
			}
			findings := append([]analysis.Finding{}, analysis.Lint(d)...)
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
	output.add(c)
	return c
}
