package outcome_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"wildcard-egress/outcome"
)

var update = flag.Bool("update", false, "write the table of docs/network.md")

const page = "../docs/network.md"

func TestThePageHasEveryWord(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), "<!-- words")
	mark, rest, foundEnd := strings.Cut(rest, "-->\n")
	_, after, foundClose := strings.Cut(rest, "<!-- /words -->")
	if !found || !foundEnd || !foundClose {
		t.Fatalf("%s: no marks of the words", page)
	}
	var table strings.Builder
	table.WriteString("| reason | what happened | where to look |\n|---|---|---|\n")
	for _, w := range append(append([]outcome.Word{}, outcome.Words...), outcome.EnvoyWords...) {
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", w.Reason, w.Cause, w.Remedy)
	}
	want := before + "<!-- words" + mark + "-->\n" + table.String() + "<!-- /words -->" + after
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(text) {
		t.Errorf("%s is not as this package has it; -update writes it:\n%s", page, want)
	}
}
