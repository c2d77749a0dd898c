package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/analysis"
)

// trialJSON is what came of a file of cases.
type trialJSON struct {
	Passed int        `json:"passed"`
	Failed int        `json:"failed"`
	Cases  []caseJSON `json:"cases"`
}

type caseJSON struct {
	Line       int          `json:"line"`
	ServerName string       `json:"server_name"`
	Principal  string       `json:"principal"`
	Port       uint16       `json:"port"`
	Passed     bool         `json:"passed"`
	Why        string       `json:"why"`
	Got        decisionJSON `json:"got"`
}

func newTestCommand() *cobra.Command {
	var output outputFlag
	var file policyFile
	c := &cobra.Command{
		Use:   "test POLICY CASES",
		Short: "Try a policy on a file of expected decisions",
		Long: `Try a policy on a file of expected decisions, a YAML or JSON list:

  - server_name: en.wikipedia.org   # as the client sends it
    want: allow
  - server_name: api.stripe.com
    principal: spiffe://cluster.local/ns/web/sa/shop   # absent: unknown
    port: 8443                                         # absent: not told
    want: deny
    rule: ""           # absent: any
    reason: no_rule    # absent: any

The exit status is 0 when all cases pass, 1 when one fails, and 2 when a file
cannot be read or has mistakes.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			trial, cases, err := tryFile(cmd, string(file), args[0])
			if err != nil {
				return err
			}
			err = output.print(cmd.OutOrStdout(), trial, func(out io.Writer) { printTrial(out, cases, trial) })
			if err == nil && trial.Failed > 0 {
				return errNegative
			}
			return err
		},
	}
	file.add(c, "POLICY", "CASES")
	output.add(c)
	return c
}

// tryFile returns the results and the name to show for the file of cases.
func tryFile(cmd *cobra.Command, policyFile, casesFile string) (trialJSON, string, error) {
	d, err := readPolicy(cmd, policyFile)
	if err != nil {
		return trialJSON{}, "", err
	}
	file, data, err := readFile(cmd, casesFile)
	if err != nil {
		return trialJSON{}, "", err
	}
	cases, err := analysis.ParseCases(file, data)
	if err != nil {
		return trialJSON{}, "", err
	}
	return try(policy.Compile(d), cases), file, nil
}

func try(p *policy.Policy, cases []analysis.Case) trialJSON {
	trial := trialJSON{Cases: []caseJSON{}}
	for _, r := range analysis.Try(p, cases) {
		if r.Why == "" {
			trial.Passed++
		} else {
			trial.Failed++
		}
		trial.Cases = append(trial.Cases, caseJSON{
			Line: r.Line, ServerName: r.Request.ServerName, Principal: r.Request.Principal, Port: r.Request.Port,
			Passed: r.Why == "", Why: r.Why, Got: toJSON(r.Got),
		})
	}
	return trial
}

func printTrial(out io.Writer, file string, trial trialJSON) {
	for _, c := range trial.Cases {
		if !c.Passed {
			fmt.Fprintf(out, "%s:%d: %q: %s\n", file, c.Line, c.ServerName, c.Why)
		}
	}
	fmt.Fprintf(out, "%d passed, %d failed\n", trial.Passed, trial.Failed)
}
