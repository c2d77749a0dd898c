package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"wildcard-egress/filter/policy/document"
	"wildcard-egress/logs"
)

// learnFlags are what `logs learn` can be told.
type learnFlags struct {
	output  outputFlag
	in      logFiles
	current string
	options logs.LearnOptions
}

func newLogsLearnCommand() *cobra.Command {
	f := &learnFlags{}
	c := &cobra.Command{
		Use:   "learn [--policy POLICY] FILE...",
		Short: "Write the smallest policy that lets through what was refused, or would be",
		Long: `Write the smallest policy that lets through what no rule allowed: refused, or let
through and reported by defaults.mode shadow. It has a rule for each caller, with
the names that it asked for, and the counts as comments.

The log has what callers asked for, not what they should have. So it does not learn
what a deny rule denies on purpose, what is no host name, names that DNS does not
have, names asked for less than --min-count times, callers without an identity, and
it lists all of that. Names below one domain become a wildcard at --wildcard-at,
never above a registrable domain, never where others could register a name, never
over a name that is denied on purpose, and never by names with a label of more than
32 bytes, which may carry data. Look at each line before you use it.

` + aboutLogFiles + `

The exit status is 1 if there is nothing to learn.`,
		Example: `  kubectl -n wildcard-egress logs deploy/wildcard-egress | wildcard-egress logs learn --policy policy.yaml - > learned.yaml
  wildcard-egress logs learn --allowed --min-count 5 --wildcard-at 0 gateway.log`,
		Args: files("FILE..."),
		RunE: f.run,
	}
	c.Flags().StringVar(&f.current, "policy", "", "the policy in force, a `FILE`: what it allows or denies on purpose is not learned")
	c.Flags().IntVar(&f.options.Least, "min-count", 2, "leave out what a caller asked for less than `N` times")
	c.Flags().IntVar(&f.options.WildcardAt, "wildcard-at", 10, "make `N` names below one domain a wildcard; 0: none")
	c.Flags().BoolVar(&f.options.Allowed, "allowed", false, "learn also what rules allowed: the whole policy anew")
	c.Flags().BoolVar(&f.options.UnknownCallers, "unknown-callers", false, "learn also for callers without an identity: a rule for EVERYBODY")
	f.in.addCaller(c)
	f.in.addNoPorts(c)
	f.output.add(c)
	return c
}

func (f *learnFlags) run(cmd *cobra.Command, args []string) error {
	if f.options.Least < 1 || f.options.WildcardAt < 0 || f.options.WildcardAt == 1 {
		return fmt.Errorf("learn: --min-count is 1 or more, --wildcard-at 2 or more, or 0 for none")
	}
	if err := readCurrent(cmd, f.current, &f.options.Policy); err != nil {
		return err
	}
	learner := logs.NewLearner(f.options)
	tally, fault := f.in.scan(cmd, args, learner.Add)
	if fault != nil && tally.Lines == 0 {
		return fault
	}
	learned, err := learner.Learn()
	if err != nil {
		return err
	}
	err = f.output.print(cmd.OutOrStdout(), learned, func(out io.Writer) { fmt.Fprint(out, learned.Policy) })
	if f.output == asText {
		printTally(cmd.ErrOrStderr(), tally)
		printSkipped(cmd.ErrOrStderr(), learned)
	}
	if err == nil && fault == nil && learned.Policy == "" {
		return errNegative
	}
	return errors.Join(err, fault)
}

// readCurrent reads a policy, if one is named.
func readCurrent(cmd *cobra.Command, file string, into **document.Document) error {
	if file == "" {
		return nil
	}
	d, err := readPolicy(cmd, file)
	*into = d
	return err
}

// printSkipped says on standard error what a policy on standard output leaves out,
// if it has no room for it.
func printSkipped(out io.Writer, learned logs.Learned) {
	if learned.Policy != "" {
		fmt.Fprintf(out, "learned %s for %s; look at each before it is open\n",
			count(len(learned.Rules), "rule"), count(learned.Connections, "connection"))
		return
	}
	fmt.Fprintln(out, "nothing to learn")
	for _, s := range learned.Skipped {
		fmt.Fprintf(out, "  not learned: %s\n", s)
	}
}
