// Command wildcard-egress is the command line of the gateway: it checks and
// explains policies and renders what Envoy needs.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"unicode"
	"unicode/utf8"

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
		os.Stderr.Write(append(visible([]byte(err.Error())), '\n'))
	}
	return exitBadInput
}

// answer is standard output. It keeps the first error, so that commands need
// not look at each line that they print, and shows what would steer a terminal.
type answer struct {
	to  io.Writer
	err error
}

func (a *answer) Write(p []byte) (n int, err error) {
	_, err = a.to.Write(visible(p))
	if a.err == nil {
		a.err = err
	}
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// visible escapes the control characters that names of files and arguments may
// have, as JSON does it. YAML and JSON of ours have none.
func visible(text []byte) []byte {
	isControl := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r' }
	if !bytes.ContainsFunc(text, isControl) {
		return text
	}
	var out []byte
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if isControl(r) {
			out = fmt.Appendf(out, "\\u%04x", r)
		} else {
			out = append(out, text[:size]...)
		}
		text = text[size:]
	}
	return out
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
	root.AddCommand(newIstioCommand(), newPreflightCommand(), newReadyCommand(), newInPodCommand(), newSchemaCommand(), newManCommand())
	root.AddCommand(newLogsCommand())
	completeValues(root)
	return root
}
