package envoys

import (
	"bytes"
	"fmt"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Metrics are what /stats/prometheus has, by name.
type Metrics map[string]*dto.MetricFamily

// Metrics reads them as Prometheus does.
func (e *Envoy) Metrics() (Metrics, error) {
	body, err := e.Admin("/stats/prometheus")
	if err != nil {
		return nil, err
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("envoy %s: /stats/prometheus: %w", e.Name, err)
	}
	return families, nil
}

// Value is that of the series of a name with exactly these labels, written as
// `rule="a",mode="enforce"`, in any order: of a histogram, how many values came. ok
// is false if there is no such series.
func (m Metrics) Value(name, labels string) (value float64, ok bool) {
	for _, series := range m[name].GetMetric() {
		if !sameLabels(series.GetLabel(), labels) {
			continue
		}
		switch m[name].GetType() {
		case dto.MetricType_GAUGE:
			return series.GetGauge().GetValue(), true
		case dto.MetricType_HISTOGRAM:
			return float64(series.GetHistogram().GetSampleCount()), true
		default:
			return series.GetCounter().GetValue(), true
		}
	}
	return 0, false
}

func sameLabels(pairs []*dto.LabelPair, labels string) bool {
	rest := "," + labels + ","
	for _, p := range pairs {
		label := fmt.Sprintf(",%s=%q,", p.GetName(), p.GetValue())
		if !strings.Contains(rest, label) {
			return false
		}
		rest = strings.Replace(rest, label, ",", 1)
	}
	return strings.Trim(rest, ",") == ""
}
