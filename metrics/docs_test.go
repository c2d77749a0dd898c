package metrics_test

import (
	"fmt"
	"strings"
	"testing"

	"wildcard-egress/internal/pages"
	"wildcard-egress/metrics"
)

func TestThePageHasTheTables(t *testing.T) {
	pages.Want(t, "../docs/monitoring.md", map[string]string{
		"metrics by rule":        table(metrics.ByRule()),
		"metrics of the gateway": table(metrics.OfGateway()),
		"metrics of Envoy":       table(metrics.OfEnvoy()),
	})
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
