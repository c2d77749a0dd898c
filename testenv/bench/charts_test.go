package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strconv"
	"testing"
)

func TestChartsAreWholeAndInsideTheirCanvas(t *testing.T) {
	all := figures{}
	for i, column := range []string{floor, limit, ours, legacy, haproxy, nginx} {
		for _, id := range []string{"cpu-full-1", "cpu-resumed-1", "cpu-plain-1"} {
			for _, v := range []float64{100, 730, 1240} {
				all.add(figure{ID: id, Section: "CPU", Unit: "µs"}, column, v*float64(i+1))
			}
		}
	}
	for _, size := range []string{"10", "1,000", "100,000"} {
		all.add(figure{ID: "growth-ours-edit", Section: "Growth", Unit: "ms"}, size, sizeOf(size)/7)
		all.add(figure{ID: "growth-legacy-edit", Section: "Growth", Unit: "ms"}, size, 0.04)
	}
	charts := all.charts()
	if len(charts) != 2 || charts[0].file != "cpu" || charts[1].file != "growth-edit" || charts[1].section != "Growth" {
		t.Fatalf("charts %v, want cpu and growth-edit: what was not measured is not drawn", charts)
	}
	for _, c := range charts {
		drawn := map[string]int{}
		for decoder := xml.NewDecoder(bytes.NewReader(c.svg)); ; {
			token, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", c.file, err)
			}
			if element, ok := token.(xml.StartElement); ok {
				drawn[element.Name.Local]++
				wantInside(t, element)
			}
		}
		if drawn["text"] < 10 || drawn["line"] < 5 {
			t.Errorf("%s: %v, want more to see", c.file, drawn)
		}
	}
}

func wantInside(t *testing.T, element xml.StartElement) {
	t.Helper()
	for _, a := range element.Attr {
		most := 0.0
		switch a.Name.Local {
		case "x", "x1", "x2", "cx", "width":
			most = chartWidth
		case "y", "y1", "y2", "cy", "height":
			most = chartHeight
		default:
			continue
		}
		if v, err := strconv.ParseFloat(a.Value, 64); err != nil || math.IsNaN(v) || v < 0 || v > most {
			t.Errorf("%s: %s = %s, want 0 to %v", element.Name.Local, a.Name.Local, a.Value, most)
		}
	}
}

func TestScales(t *testing.T) {
	for most, want := range map[float64]float64{7: 7, 101: 120, 730: 800, 1240: 1400, 0.33: 0.35} {
		if got := linearScale(most).high; math.Abs(got-want) > 1e-9 {
			t.Errorf("linearScale(%v) ends at %v, want %v", most, got, want)
		}
	}
	s := logScale(3, 4819)
	if s.low != 1 || s.high != 10_000 || len(s.ticks()) != 5 {
		t.Errorf("logScale(3, 4819) = %v with ticks %v, want 1 to 10,000 by powers of ten", s, s.ticks())
	}
}
