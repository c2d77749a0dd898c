package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"wildcard-egress/logs"
)

// summaryJSON is a report and what was read for it.
type summaryJSON struct {
	logs.Tally
	Callers []string `json:"callers"` // of --caller
	logs.Report
}

func newLogsSummaryCommand() *cobra.Command {
	var output outputFlag
	var in logFiles
	var top uint32
	c := &cobra.Command{
		Use:   "summary FILE...",
		Short: "Say who was refused what and why, what would be under shadow rules, and what failed",
		Long: `Say who was refused what, how often, when first and last, why, and what to do
about it; what rules in shadow mode would decide otherwise; and which allowed
connections failed.

` + aboutLogFiles + `

Memory is bounded: each table tells 32768 groups apart. If there are more, it says
how many connections a group that is not there can have, and counts that may be
too high are printed as a range.`,
		Example: `  kubectl -n wildcard-egress logs deploy/wildcard-egress | wildcard-egress logs summary -
  wildcard-egress logs summary --caller 'spiffe://cluster.local/ns/shop/sa/*' access.log access.log.1.gz`,
		Args: files("FILE..."),
		RunE: func(cmd *cobra.Command, args []string) error {
			summary := logs.NewSummary()
			tally, fault := in.scan(cmd, args, summary.Add)
			if fault != nil && tally.Lines == 0 {
				return fault
			}
			answer := summaryJSON{Tally: tally, Callers: append([]string{}, in.callers...), Report: summary.Report(int(top))}
			if answer.Others == nil {
				answer.Others = []logs.Other{}
			}
			err := output.print(cmd.OutOrStdout(), answer, func(out io.Writer) { printSummary(out, answer) })
			return errors.Join(err, fault)
		},
	}
	c.Flags().Uint32Var(&top, "top", 20, "list this many groups of each table, the largest; 0: all, `N`")
	in.addCaller(c)
	output.add(c)
	return c
}

func printSummary(out io.Writer, s summaryJSON) {
	printTally(out, s.Tally)
	if len(s.Callers) > 0 {
		fmt.Fprintf(out, "of the callers %s:\n", strings.Join(s.Callers, " "))
	}
	fmt.Fprintf(out, "%d allowed, of them %d failed; %d refused; %d ended before a decision\n", s.Allowed, s.Failed, s.Refused, s.Undecided)
	printGroups(out, "Refused", s.Refusals)
	printGroups(out, "What shadow rules would decide otherwise", s.Shadow)
	printGroups(out, "Allowed, and failed", s.Failures)
	if len(s.Advice) > 0 {
		fmt.Fprintf(out, "\nWhat to do:\n")
	}
	for _, reason := range slices.Sorted(maps.Keys(s.Advice)) {
		fmt.Fprintf(out, "  %s: %s\n", reason, s.Advice[reason])
	}
}

// printTally says what was read.
func printTally(out io.Writer, t logs.Tally) {
	fmt.Fprintf(out, "%s in %s", count(t.Connections, "connection"), count(t.Lines, "line"))
	if t.Connections > 0 {
		fmt.Fprintf(out, ", %s to %s", t.First.UTC().Format(time.DateTime), t.Last.UTC().Format(time.DateTime))
	}
	fmt.Fprintln(out)
	if t.LeftOut > 0 {
		fmt.Fprintf(out, "%d refusals more, of all callers, have no line: only so many a second get one; the metrics have all\n", t.LeftOut)
	}
	if t.Events > 0 {
		fmt.Fprintf(out, "%s of streams that live: not counted\n", count(t.Events, "line"))
	}
	for _, other := range t.Others {
		fmt.Fprintf(out, "%s not the gateway's: %s; the first is %s\n", count(other.Lines, "line"), other.What, other.First)
	}
}

func printGroups(out io.Writer, title string, t logs.Table) {
	if len(t.Groups) == 0 {
		return
	}
	fmt.Fprintf(out, "\n%s:\n", title)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "  connections\tcaller\tserver name\twhy\tfirst\tlast\n")
	for _, g := range t.Groups {
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\t%s\t%s\n", times(g.Connections, g.Over), orUnknown(g.Caller), cmp.Or(g.ServerName, "-"), why(g),
			g.First.UTC().Format(time.DateTime), g.Last.UTC().Format(time.DateTime))
	}
	table.Flush()
	if t.NotListed > 0 {
		fmt.Fprintf(out, "  and %s (--top 0 lists all)\n", count(t.NotListed, "more group"))
	}
	if t.Missing > 0 {
		fmt.Fprintf(out, "  there are more than could be told apart: what is not among them has %s at most\n", count(t.Missing, "connection"))
	}
}

// times is a count, as a range where it may be too high.
func times(n, over int) string {
	if over == 0 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d-%d", n-over, n)
}

// why is what a group has in common besides caller and name.
func why(g logs.Group) string {
	words := []string{}
	if g.Reason == "" { // what another rule would decide
		words = append(words, "would "+g.Decision)
	}
	for _, word := range []string{g.Reason, g.Detail} {
		if word != "" {
			words = append(words, word)
		}
	}
	if g.Rule != "" {
		words = append(words, "rule "+g.Rule)
	}
	return strings.Join(words, ", ")
}
