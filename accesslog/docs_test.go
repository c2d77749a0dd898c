package accesslog_test

import (
	"fmt"
	"strings"
	"testing"

	"wildcard-egress/accesslog"
	"wildcard-egress/internal/pages"
)

func TestThePageHasTheTables(t *testing.T) {
	pages.Want(t, "../docs/access-log.md", map[string]string{
		"fields": strings.Join(fieldTable(), "\n"), "operators": strings.Join(operatorLines(), "\n"),
	})
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
