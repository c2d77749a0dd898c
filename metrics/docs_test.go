package metrics_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"wildcard-egress/metrics"
)

var update = flag.Bool("update", false, "write the tables of docs/monitoring.md")

const page = "../docs/monitoring.md"

func TestThePageHasTheTables(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want := string(text)
	for mark, list := range map[string][]metrics.Metric{
		"by rule": metrics.ByRule(), "of the gateway": metrics.OfGateway(), "of Envoy": metrics.OfEnvoy(),
	} {
		want = between(t, want, mark, table(list))
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
	open, end := "<!-- metrics "+name+": written by go test ./metrics -update -->\n", "<!-- /metrics -->"
	before, rest, found := strings.Cut(text, open)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s: no marks of %q", page, name)
	}
	return before + open + content + end + after
}

func table(list []metrics.Metric) string {
	var lines strings.Builder
	lines.WriteString("| metric | type | labels | what |\n|---|---|---|---|\n")
	for _, m := range list {
		labels := make([]string, len(m.Labels))
		for i, l := range m.Labels {
			labels[i] = "`" + l + "`"
		}
		fmt.Fprintf(&lines, "| `%s` | %s | %s | %s |\n", m.Prometheus(), m.Type, strings.Join(labels, ", "), m.Meaning)
	}
	return lines.String()
}
