package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"wildcard-egress/filter/policy/analysis"
)

func newLintCommand() *cobra.Command {
	var output outputFlag
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
		Args: files("POLICY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := readPolicy(cmd, args[0])
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
	output.add(c)
	return c
}
