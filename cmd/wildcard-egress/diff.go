package main

import (
	"errors"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"wildcard-egress/filter/policy/analysis"
	"wildcard-egress/filter/policy/document"
)

// diffJSON is an analysis.Comparison.
type diffJSON struct {
	Settings []analysis.SettingChange `json:"settings"`
	Changes  []changeJSON             `json:"changes"`
	// Incomplete says of which requests there may be further changes.
	Incomplete     []analysis.Undecided `json:"incomplete"`
	MoreIncomplete int                  `json:"more_incomplete"` // not listed
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

// A comparison, with the reading of the files, ends in about diffLimit.
const (
	diffLimit = 9 * time.Second
	leastDiff = 3 * time.Second // however long the reading took
)

func newDiffCommand() *cobra.Command {
	var output outputFlag
	c := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Print what a change of a policy changes",
		Long: `Print for which (host, principal, port) two policies decide differently: another
decision, another upstream port, or another on_revoke or other limits by another
rule; and which settings differ. It is exact: for each host, the names of which it is the
narrowest host are searched with automata, and so are principals.

  host "other"                 no host matches
  host "a and b"               what two globs both match
  principal "any"              no rule tells principals apart
  principal or port "unknown"  the client certificate or the mesh does not tell
  principal or port "other"    one that no rule lists

It ends after about 10 seconds. What it could not decide by then it names; the
rest stands. Rules that only change their name or place change nothing.

` + exitStatuses,
		Args: files("OLD", "NEW"),
		RunE: func(cmd *cobra.Command, args []string) error {
			start := time.Now()
			policies, errs := [2]*document.Document{}, [2]error{}
			var reading sync.WaitGroup
			for i, file := range args {
				reading.Go(func() { policies[i], errs[i] = readPolicy(cmd, file) })
			}
			reading.Wait()
			if err := errors.Join(errs[:]...); err != nil {
				return err
			}
			bar := newProgress(cmd.ErrOrStderr(), "hosts compared")
			comparison := analysis.Compare(policies[0], policies[1], analysis.Options{
				Limit: max(leastDiff, diffLimit-time.Since(start)), Progress: bar.show,
			})
			bar.clear()
			err := output.print(cmd.OutOrStdout(), comparisonJSON(comparison), func(out io.Writer) { printComparison(out, comparison) })
			if err == nil && len(comparison.Settings)+len(comparison.Changes)+len(comparison.Undecided) > 0 {
				return errNegative
			}
			return err
		},
	}
	output.add(c)
	return c
}

func comparisonJSON(c analysis.Comparison) diffJSON {
	out := diffJSON{
		Settings: append([]analysis.SettingChange{}, c.Settings...), Changes: []changeJSON{},
		Incomplete: append([]analysis.Undecided{}, c.Undecided...), MoreIncomplete: c.MoreUndecided,
	}
	for _, change := range c.Changes {
		out.Changes = append(out.Changes, changeJSON{
			Host: change.Host, Principal: change.Principal, Port: change.Port,
			ExampleName: change.Example.ServerName, ExamplePrincipal: change.Example.Principal, ExamplePort: change.Example.Port,
			Old: toJSON(change.Old), New: toJSON(change.New),
		})
	}
	return out
}
