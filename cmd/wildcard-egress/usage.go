package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// chooseCommand is what a command does that only has subcommands.
func chooseCommand(cmd *cobra.Command, args []string) error {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() && c.Name() != "completion" {
			names = append(names, c.Name())
		}
	}
	choice := fmt.Sprintf("choose one of %s (see --help)", strings.Join(names, ", "))
	switch {
	case len(args) > 0:
		return fmt.Errorf("%s: %q is no command; %s", cmd.Name(), args[0], choice)
	case cmd.HasParent():
		return fmt.Errorf("%s: %s", cmd.Name(), choice)
	}
	return cmd.Help()
}

// noArguments is for commands that take flags alone.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s: %q: want no argument (see --help)", cmd.Name(), args[0])
	}
	return nil
}

// newHelpCommand is cobra's, which knows no mistakes.
func newHelpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about any command",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err == nil && len(rest) == 0 {
				return about.Help()
			}
			return chooseCommand(about, rest)
		},
	}
}

// useOurWords has the commands that cobra adds tell mistakes as ours do.
func useOurWords(root *cobra.Command) {
	root.SetHelpCommand(newHelpCommand())
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.Args, c.RunE = cobra.ArbitraryArgs, chooseCommand
			c.Short = "Print what has a shell complete commands, flags and values"
			c.Long = c.Short + "; the help of each shell says how to use it."
			for _, shell := range c.Commands() {
				shell.Args = noArguments
			}
		}
	}
}

// flagError says what is wrong with a flag, and what it wants, in the words of
// the help text.
func flagError(cmd *cobra.Command, err error) error {
	var (
		unknown *pflag.NotExistError
		missing *pflag.ValueRequiredError
		invalid *pflag.InvalidValueError
	)
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return fmt.Errorf("%s: -%s: no such flag%s (see --help)", cmd.Name(), unknown.GetSpecifiedName(), folderHint(cmd, unknown))
	case errors.As(err, &unknown):
		return fmt.Errorf("%s: --%s: no such flag (see --help)", cmd.Name(), unknown.GetSpecifiedName())
	case errors.As(err, &missing):
		f := missing.GetFlag()
		name, _ := pflag.UnquoteUsage(f)
		return fmt.Errorf("%s: --%s: give it %s", cmd.Name(), f.Name, cmp.Or(wanted(f), name))
	case errors.As(err, &invalid):
		f := invalid.GetFlag()
		return fmt.Errorf("%s: --%s %q: %s", cmd.Name(), f.Name, invalid.GetValue(), wantOr(f, invalid.Unwrap()))
	}
	return fmt.Errorf("%s: %w (see --help)", cmd.Name(), err)
}

// folderHint tells those who know -o as the folder of other tools.
func folderHint(cmd *cobra.Command, unknown *pflag.NotExistError) string {
	if unknown.GetSpecifiedName() == "o" && cmd.Flags().Lookup("to") != nil {
		return "; the folder is --to"
	}
	return ""
}

// wantOr says what a flag takes, or else what its value says of a mistake.
func wantOr(f *pflag.Flag, err error) string {
	if want := wanted(f); want != "" && !slices.ContainsFunc(mistakes, func(m error) bool { return errors.Is(err, m) }) {
		return "want " + want
	}
	return err.Error()
}

// wanted is what a flag takes, in words; empty for flags that say it themselves.
func wanted(f *pflag.Flag) string {
	if choices := choicesOf(f); choices != nil {
		return orList(choices)
	}
	switch f.Value.Type() {
	case "bool":
		return "true or false"
	case "uint16":
		return "a number from 0 to 65535"
	case "uint32":
		return "a number from 0 to 4294967295"
	case "int32", "int":
		return "a whole number"
	case "duration":
		return "a time such as 30s or 5m"
	}
	if name, _ := pflag.UnquoteUsage(f); name == "ADDRESS" {
		return "an IP address"
	}
	return ""
}

// orList joins choices: a, b or c.
func orList(choices []string) string {
	last := len(choices) - 1
	if last < 1 {
		return strings.Join(choices, "")
	}
	return strings.Join(choices[:last], ", ") + " or " + choices[last]
}

// choicesOf returns the values that a flag can have, if its help text lists
// them as `a|b`.
func choicesOf(f *pflag.Flag) []string {
	name, _ := pflag.UnquoteUsage(f)
	if !strings.Contains(name, "|") {
		return nil
	}
	return strings.Split(name, "|")
}

// completeValues has the shell complete what flags with choices can be.
func completeValues(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if choices := choicesOf(f); choices != nil {
			// It fails only for a flag that the command does not have.
			_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(choices, cobra.ShellCompDirectiveNoFileComp))
		}
	})
	for _, c := range cmd.Commands() {
		completeValues(c)
	}
}
