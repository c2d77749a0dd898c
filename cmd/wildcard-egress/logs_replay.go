package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"wildcard-egress/logs"
)

// replayJSON is a difference and what was read for it.
type replayJSON struct {
	logs.Tally
	logs.Difference
}

func newLogsReplayCommand() *cobra.Command {
	var output outputFlag
	var in logFiles
	var file policyFile
	var top uint32
	c := &cobra.Command{
		Use:   "replay POLICY FILE...",
		Short: "Say what a policy would change for the connections of a log, by caller",
		Long: `Say what a policy would change for the connections of a log, by caller: which were
allowed and would be denied (lost), which were denied and would be allowed
(gained), and which pass only since rules or defaults are in shadow mode.

A refused connection is asked about with the port that the mesh told, an allowed one
with that of its upstream. What no policy decides is left out and counted:
handshakes, hellos, limits.

` + aboutLogFiles + `

The exit status is 1 if a connection of the log would be lost.`,
		Example: `  wildcard-egress logs replay new.yaml gateway.log && cp new.yaml policy.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := file.read(cmd)
			if err != nil {
				return err
			}
			replay := logs.NewReplay(d)
			tally, fault := in.scan(cmd, args, replay.Add)
			if fault != nil && tally.Lines == 0 {
				return fault
			}
			answer := replayJSON{Tally: tally, Difference: replay.Difference(int(top))}
			if answer.Others == nil {
				answer.Others = []logs.Other{}
			}
			err = output.print(cmd.OutOrStdout(), answer, func(out io.Writer) { printReplay(out, answer) })
			if err == nil && fault == nil && answer.Lost > 0 {
				return errNegative
			}
			return errors.Join(err, fault)
		},
	}
	c.Flags().Uint32Var(&top, "top", 20, "list this many groups of each table, the largest; 0: all, `N`")
	file.add(c, "POLICY", "FILE...")
	in.addCaller(c)
	in.addNoPorts(c)
	output.add(c)
	return c
}

func printReplay(out io.Writer, r replayJSON) {
	printTally(out, r.Tally)
	fmt.Fprintf(out, "%d lost, %d gained, %d as before, %d that no policy decides\n", r.Lost, r.Gained, r.Same, r.NotDecided)
	printGroups(out, "Lost: allowed, and would be denied", r.LostGroups)
	printGroups(out, "Gained: denied, and would be allowed", r.GainedGroups)
	printGroups(out, "Allowed only since this is in shadow mode", r.ShadowGroups)
}
