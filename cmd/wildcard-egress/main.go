// Command wildcard-egress is the command line of the gateway: it checks and
// explains policies and renders what Envoy needs.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit statuses, the same for every command.
const (
	exitNegative = 1 // the command worked and the answer is no
	exitBadInput = 2 // bad usage, a policy with mistakes, or an answer that could not be written
)

// errNegative ends a command whose answer is no and was already printed.
var errNegative = errors.New("negative answer")

func main() { os.Exit(run()) }

func run() int {
	// A closed pipe is a write that fails, not a silent end of this process.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	out := &answer{to: os.Stdout}
	root := newRootCommand()
	root.SetOut(out)
	err := root.Execute()
	switch {
	case out.err != nil:
		fmt.Fprintf(os.Stderr, "%v: the answer is not whole\n", out.err)
	case err == nil:
		return 0
	case errors.Is(err, errNegative):
		return exitNegative
	default:
		fmt.Fprintln(os.Stderr, err)
	}
	return exitBadInput
}

// answer is standard output. It keeps the first error, so that commands need
// not look at each line that they print.
type answer struct {
	to  io.Writer
	err error
}

func (a *answer) Write(p []byte) (n int, err error) {
	n, err = a.to.Write(p)
	if a.err == nil {
		a.err = err
	}
	return n, err
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "wildcard-egress",
		Short:         "Egress by wildcard host names through Envoy: policies and configurations",
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs, // so that an unknown command is an error in our words
		RunE:          chooseCommand,
	}
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(newBootstrapCommand(), newInspectCommand(),
		newCheckCommand(), newLintCommand(), newExplainCommand(), newDiffCommand(), newTestCommand())
	root.AddCommand(newIstioCommand(), newPreflightCommand(), newReadyCommand(), newSchemaCommand(), newManCommand())
	completeValues(root)
	return root
}
