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
	root.SetErr(notes{os.Stderr})
	err := root.Execute()
	switch {
	case out.err != nil:
		fmt.Fprintf(root.ErrOrStderr(), "%v: the answer is not whole\n", out.err)
	case err == nil:
		return 0
	case errors.Is(err, errNegative):
		return exitNegative
	default:
		fmt.Fprintln(root.ErrOrStderr(), err)
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
	_, err = a.to.Write(visible(p, isControl))
	if a.err == nil {
		a.err = err
	}
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// notes is standard error: errors, warnings and notes, which have names of files,
// arguments and words of others in them. All is for people, so more is shown: what
// returns to the line's begin, turns the direction of text round, or is no UTF-8.
type notes struct{ to io.Writer }

func (n notes) Write(p []byte) (int, error) {
	if _, err := n.to.Write(visible(p, steers)); err != nil {
		return 0, err
	}
	return len(p), nil
}

func isControl(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r' }

func steers(r rune) bool {
	return isControl(r) || r == '\r' || r == utf8.RuneError || unicode.Is(unicode.Bidi_Control, r)
}

// visible escapes what names of files and arguments may have, as JSON does it.
// YAML and JSON of ours have none.
func visible(text []byte, hidden func(rune) bool) []byte {
	if !bytes.ContainsFunc(text, hidden) {
		return text
	}
	var out []byte
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && size == 1 && hidden(r):
			out = fmt.Appendf(out, "\\x%02x", text[0])
		case hidden(r):
			out = fmt.Appendf(out, "\\u%04x", r)
		default:
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
	root.AddCommand(newIstioCommand(), newPreflightCommand(), newReadyCommand(), newDrainCommand(), newInPodCommand(), newSchemaCommand(), newManCommand())
	root.AddCommand(newLogsCommand(), newUICommand())
	useOurWords(root)
	completeValues(root)
	takeStrictly(root)
	return root
}
