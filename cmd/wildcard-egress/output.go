package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/document"
)

// exitStatuses is the part of the policy commands' help that they share.
const exitStatuses = `The exit status is 0 when there is nothing to say, 1 when there is, and 2 when
a file cannot be read or has mistakes.`

// outputFlag is -o, how a command prints its answer.
type outputFlag string

const (
	asText outputFlag = "text"
	asJSON outputFlag = "json"
)

func (o *outputFlag) add(c *cobra.Command) {
	*o = asText
	c.Flags().VarP(o, "output", "o", "how to print the answer: text or json")
}

func (o *outputFlag) String() string { return string(*o) }

func (o *outputFlag) Type() string { return "FORMAT" }

func (o *outputFlag) Set(value string) error {
	if f := outputFlag(value); f != asText && f != asJSON {
		return fmt.Errorf("choose text or json")
	}
	*o = outputFlag(value)
	return nil
}

// print writes value as JSON, or else what text writes.
func (o *outputFlag) print(out io.Writer, value any, text func(io.Writer)) error {
	if *o == asText {
		text(out)
		return nil
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// files demands as many arguments as names, which are those in the usage line;
// of the last one more if it ends in "...".
func files(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		more := strings.HasSuffix(names[len(names)-1], "...")
		if len(args) == len(names) || more && len(args) > len(names) {
			return nil
		}
		return fmt.Errorf("%s: %d files given; name %s, or - for standard input (see --help)",
			cmd.Name(), len(args), strings.Join(names, " and "))
	}
}

// unreadable says how to mend what keeps a file from being read.
func unreadable(err error) error {
	return fmt.Errorf("%w; name a file that you can read, or - for standard input", err)
}

// readFile reads a file, or the command's standard input if it is "-", and
// returns the name to show for it.
func readFile(cmd *cobra.Command, file string) (name string, data []byte, err error) {
	if file == "-" {
		data, err = io.ReadAll(cmd.InOrStdin())
		return "stdin", data, err
	}
	if data, err = os.ReadFile(file); err != nil {
		err = unreadable(err)
	}
	return file, data, err
}

func readPolicy(cmd *cobra.Command, file string) (*document.Document, error) {
	name, data, err := readFile(cmd, file)
	if err != nil {
		return nil, err
	}
	return document.Parse(name, data)
}

// decisionJSON is a decision as the access log says it.
type decisionJSON struct {
	Decision       string        `json:"decision"`
	Rule           string        `json:"rule"`
	Reason         policy.Reason `json:"reason"`
	UpstreamPort   uint16        `json:"upstream_port"`
	CloseOnRevoke  bool          `json:"close_on_revoke"`
	ShadowDecision string        `json:"shadow_decision"`
	ShadowRule     string        `json:"shadow_rule"`
}

func toJSON(d policy.Decision) decisionJSON {
	out := decisionJSON{
		Decision: d.Action.String(), Rule: d.Rule, Reason: d.Reason, UpstreamPort: d.Port,
		CloseOnRevoke: d.CloseOnRevoke, ShadowRule: d.Shadow.Rule,
	}
	if d.Shadow.Reported {
		out.ShadowDecision = d.Shadow.Action.String()
	}
	return out
}
