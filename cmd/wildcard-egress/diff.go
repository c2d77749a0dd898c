package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"wildcard-egress/filter/policy/analysis"
)

// diffJSON is a analysis.Comparison.
type diffJSON struct {
	Changes    []changeJSON `json:"changes"`
	Incomplete []string     `json:"incomplete"`
}

type changeJSON struct {
	Host             string       `json:"host"`
	Principal        string       `json:"principal"`
	Port             string       `json:"port"`
	ExampleName      string       `json:"example_server_name"`
	ExamplePrincipal string       `json:"example_principal"`
	ExamplePort      uint16       `json:"example_port"`
	Old              decisionJSON `json:"old"`
	New              decisionJSON `json:"new"`
}

func newDiffCommand() *cobra.Command {
	var output outputFlag
	c := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Print which decisions two policies make differently",
		Long: `Print for which (host, principal, port) two policies decide differently: another
decision, or another upstream port. Every host of both, every overlap of hosts,
every principal and port of their rules is tried, and one that no rule lists:

  host "other"                 no host matches
  host "a and b"               what two globs both match
  principal "any"              no rule tells principals apart
  principal or port "unknown"  the client certificate or the mesh does not tell
  principal or port "other"    one that no rule lists

Rules that only change their name or place change nothing.

` + exitStatuses,
		Args: files("OLD", "NEW"),
		RunE: func(cmd *cobra.Command, args []string) error {
			old, err := readPolicy(cmd, args[0])
			if err != nil {
				return err
			}
			changed, err := readPolicy(cmd, args[1])
			if err != nil {
				return err
			}
			comparison := analysis.Compare(old, changed)
			err = output.print(cmd.OutOrStdout(), comparisonJSON(comparison), func(out io.Writer) { printComparison(out, comparison) })
			if err == nil && len(comparison.Changes)+len(comparison.Incomplete) > 0 {
				return errNegative
			}
			return err
		},
	}
	output.add(c)
	return c
}

func comparisonJSON(c analysis.Comparison) diffJSON {
	out := diffJSON{Changes: []changeJSON{}, Incomplete: append([]string{}, c.Incomplete...)}
	for _, change := range c.Changes {
		out.Changes = append(out.Changes, changeJSON{
			Host: change.Host, Principal: change.Principal, Port: change.Port,
			ExampleName: change.Example.ServerName, ExamplePrincipal: change.Example.Principal, ExamplePort: change.Example.Port,
			Old: toJSON(change.Old), New: toJSON(change.New),
		})
	}
	return out
}

// printComparison prints a line for each host and principal, with the ports
// for which the change is the same.
func printComparison(out io.Writer, c analysis.Comparison) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(c.Changes) > 0 {
		fmt.Fprintln(table, "HOST\tPRINCIPAL\tPORT\tOLD\tNEW\tEXAMPLE")
	}
	printed := map[string]bool{}
	for i := 0; i < len(c.Changes); {
		first := c.Changes[i]
		var ports []string
		for ; i < len(c.Changes) && sameButPort(first, c.Changes[i]); i++ {
			ports = append(ports, c.Changes[i].Port)
		}
		line := fmt.Sprintf("%s\t%s\t%s\t%s\t%s", first.Host, first.Principal, strings.Join(ports, ","), first.Old.Summary(), first.New.Summary())
		if !printed[line] {
			fmt.Fprintf(table, "%s\t%s\n", line, first.Example.ServerName)
		}
		printed[line] = true
	}
	table.Flush()
	for _, host := range c.Incomplete {
		fmt.Fprintf(out, "%s: overlaps with too many globs to try all combinations; there may be further changes\n", host)
	}
}

func sameButPort(a, b analysis.Change) bool {
	return a.Host == b.Host && a.Principal == b.Principal && a.Example.ServerName == b.Example.ServerName &&
		a.Old.Summary() == b.Old.Summary() && a.New.Summary() == b.New.Summary()
}
