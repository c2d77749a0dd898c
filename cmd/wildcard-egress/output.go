package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"wildcard-egress/filter/policy"
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
	c.Flags().VarP(o, "output", "o", "how to print the answer, `text|json`")
}

func (o *outputFlag) String() string { return string(*o) }

func (o *outputFlag) Type() string { return "format" }

func (o *outputFlag) Set(value string) error {
	if f := outputFlag(value); f != asText && f != asJSON {
		return fmt.Errorf("want text or json")
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

// count is a number of things, in words.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
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
