package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"wildcard-egress/filter/policy/document"
)

// checkJSON is the result for one file.
type checkJSON struct {
	File     string            `json:"file"`
	OK       bool              `json:"ok"`
	Rules    int               `json:"rules"`
	Hosts    int               `json:"hosts"`
	Hash     string            `json:"hash"`
	Problems document.Problems `json:"problems"`
}

func newCheckCommand() *cobra.Command {
	var output outputFlag
	var first policyFile
	c := &cobra.Command{
		Use:   "check POLICY...",
		Short: "List all mistakes of policies, with places and fixes",
		Long: `List all mistakes of policies as file:line:column: field: what is wrong and how
to mend it; "-" is standard input. It is the same code that reads the policy
in the gateway. Of more than 20 mistakes of a file it prints the first and the
number of the others; -o json lists 1000.

The exit status is 0 when all are good, and 2 when one has mistakes or cannot
be read.`,
		RunE: func(cmd *cobra.Command, more []string) error {
			results, err := checkFiles(cmd, append([]string{string(first)}, more...))
			return errors.Join(output.print(cmd.OutOrStdout(), results, func(out io.Writer) {
				for _, r := range results {
					if r.OK {
						fmt.Fprintf(out, "%s: ok, %s, %s, hash %s\n", r.File, count(r.Rules, "rule"), count(r.Hosts, "host"), r.Hash)
					}
				}
			}), err)
		},
	}
	first.add(c, "POLICY...")
	output.add(c)
	return c
}

// checkFiles returns the result for each file that can be read, and all
// mistakes as an error.
func checkFiles(cmd *cobra.Command, files []string) ([]checkJSON, error) {
	results := []checkJSON{}
	var faults []error
	for _, file := range files {
		d, err := readPolicy(cmd, file)
		result := checkJSON{File: file, OK: err == nil, Problems: document.Problems{}}
		switch {
		case err == nil:
			result.Rules, result.Hash = len(d.Rules), d.Hash()
			for _, r := range d.Rules {
				result.Hosts += len(r.Hosts)
			}
		case errors.As(err, &result.Problems):
			faults = append(faults, err)
		default:
			faults = append(faults, err)
			continue
		}
		results = append(results, result)
	}
	return results, errors.Join(faults...)
}
