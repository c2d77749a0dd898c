package accesslog_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"wildcard-egress/accesslog"
)

var update = flag.Bool("update", false, "write the tables of docs/access-log.md")

const page = "../docs/access-log.md"

func TestThePageHasTheTables(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want := string(text)
	for name, lines := range map[string][]string{"fields": fieldTable(), "operators": operatorLines()} {
		want = between(t, want, name, strings.Join(lines, "\n"))
	}
	if *update {
		err = os.WriteFile(page, []byte(want), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	if want != string(text) && !*update {
		t.Errorf("%s is not as this package has it; -update writes it:\n%s", page, want)
	}
}

// between replaces what stands between the marks of a name.
func between(t *testing.T, text, name, content string) string {
	t.Helper()
	before, rest, found := strings.Cut(text, "<!-- "+name)
	mark, rest, foundEnd := strings.Cut(rest, "-->\n")
	_, after, foundClose := strings.Cut(rest, "<!-- /"+name+" -->")
	if !found || !foundEnd || !foundClose {
		t.Fatalf("%s: no marks of %s", page, name)
	}
	return before + "<!-- " + name + mark + "-->\n" + content + "\n<!-- /" + name + " -->" + after
}

func fieldTable() []string {
	lines := []string{"| field | type | there when | what |", "|---|---|---|---|"}
	for _, f := range accesslog.Fields() {
		lines = append(lines, fmt.Sprintf("| `%s` | %s | %s | %s |", f.Name, f.Type, f.When, f.Meaning))
	}
	return lines
}

func operatorLines() []string {
	lines := []string{"```"}
	for _, f := range accesslog.Fields() {
		if f.Operator != "" {
			lines = append(lines, f.Name+": "+f.Operator)
		}
	}
	return append(lines, "```")
}
