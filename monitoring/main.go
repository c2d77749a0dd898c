// Command monitoring writes the Grafana dashboard: make dashboard calls it.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

func main() {
	text, err := render()
	if err == nil && len(os.Args) == 2 {
		err = os.WriteFile(os.Args[1], text, 0o644)
	}
	if err != nil || len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: monitoring FILE:", err)
		os.Exit(1)
	}
}

// The grid is 24 wide.
const width, height = 24, 7

// render returns the dashboard as Grafana imports it.
func render() ([]byte, error) {
	jobs := "label_values(envoy_wildcard_egress_policy_rules, job)"
	all := "$__all"
	b := dashboard.NewDashboardBuilder("Wildcard egress").
		Uid("wildcard-egress").
		Tags([]string{"envoy", "egress"}).
		Refresh("30s").
		Time("now-1h", "now").
		Timezone("browser").
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		WithVariable(dashboard.NewDatasourceVariableBuilder("datasource").Label("Prometheus").Type("prometheus")).
		WithVariable(dashboard.NewQueryVariableBuilder("job").Label("Gateway").Datasource(source()).
			Query(dashboard.StringOrMap{String: &jobs}).Refresh(dashboard.VariableRefreshOnTimeRangeChanged).
			Multi(true).IncludeAll(true).Current(dashboard.VariableOption{
			Text:  dashboard.StringOrArrayOfString{ArrayOfString: []string{"All"}},
			Value: dashboard.StringOrArrayOfString{ArrayOfString: []string{all}},
		}))
	id := uint32(0)
	for _, r := range rows {
		id++
		b.WithRow(dashboard.NewRowBuilder(r.title).Id(id))
		for _, p := range r.panels {
			if id++; p.single {
				b.WithPanel(number(p, width/uint32(len(r.panels))).Id(id))
			} else {
				b.WithPanel(graph(p, width/2).Id(id))
			}
		}
	}
	d, err := b.Build()
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(d, "", "  ")
	return append(text, '\n'), err
}

func graph(p panel, span uint32) *timeseries.PanelBuilder {
	b := timeseries.NewPanelBuilder().Title(p.title).Description(p.about).Unit(p.unit).Min(0).Datasource(source()).
		Span(span).Height(height).FillOpacity(10).
		Legend(common.NewVizLegendOptionsBuilder().DisplayMode(common.LegendDisplayModeTable).Placement(common.LegendPlacementRight).
			ShowLegend(true).Calcs([]string{"lastNotNull"}))
	for i, q := range p.queries {
		b.WithTarget(prometheus.NewDataqueryBuilder().RefId(refID(i)).Expr(q.expr).LegendFormat(q.legend).Range())
	}
	return b
}

func number(p panel, span uint32) *stat.PanelBuilder {
	b := stat.NewPanelBuilder().Title(p.title).Description(p.about).Unit(p.unit).Datasource(source()).
		Span(span).Height(height/2 + 1).Orientation(common.VizOrientationAuto).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"}))
	for i, q := range p.queries {
		b.WithTarget(prometheus.NewDataqueryBuilder().RefId(refID(i)).Expr(q.expr).LegendFormat(q.legend).Instant())
	}
	return b
}

// refID is what Grafana calls the queries of a panel: A, B, ...
func refID(i int) string { return string(rune('A' + i)) }

func source() common.DataSourceRef {
	kind, uid := "prometheus", "${datasource}"
	return common.DataSourceRef{Type: &kind, Uid: &uid}
}
