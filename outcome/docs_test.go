package outcome_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"wildcard-egress/internal/pages"
	"wildcard-egress/outcome"
)

func TestThePageHasEveryWord(t *testing.T) {
	var table strings.Builder
	table.WriteString("| reason | what happened | where to look |\n|---|---|---|\n")
	for _, w := range slices.Concat(outcome.Words, outcome.EnvoyWords) {
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", w.Reason, w.Cause, w.Remedy)
	}
	pages.Want(t, "../docs/network.md", map[string]string{"words": table.String()})
}
