// Command wildcard-egress is the command line of the gateway: it checks and
// explains policies and renders what Envoy needs.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

// Exit statuses, the same for every command.
const (
	exitNegative = 1 // the command worked and the answer is no
	exitBadInput = 2 // bad usage, or a policy with mistakes
)

// errNegative ends a command whose answer is no and was already printed.
var errNegative = errors.New("negative answer")

func main() { os.Exit(run()) }

func run() int {
	err := newRootCommand().ExecuteContext(context.Background())
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errNegative):
		return exitNegative
	}
	fmt.Fprintln(os.Stderr, err)
	return exitBadInput
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "wildcard-egress",
		Short:         "Egress by wildcard host names through Envoy: policies and configurations",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(newBootstrapCommand(), newInspectCommand(),
		newCheckCommand(), newLintCommand(), newExplainCommand(), newDiffCommand(), newTestCommand())
	root.AddCommand(newIstioCommand(), newPreflightCommand())
	return root
}
