package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"testing"
)

func TestChartsShowWhatWasMeasured(t *testing.T) {
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
	for i, texts := range [][]string{
		{"CPU per new connection, whole process, one worker", "µs", "plain TCP", "floor", "nginx", "730", "4380"},
		{"ms", "legacy", "0.04", "0.01", "10,000", "100,000 hosts", "14286"},
	} {
		left := map[string]bool{}
		for _, text := range texts {
			left[text] = true
		}
		for decoder := xml.NewDecoder(bytes.NewReader(charts[i].svg)); ; {
			token, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", charts[i].file, err)
			}
			if text, ok := token.(xml.CharData); ok {
				delete(left, string(text))
			}
		}
		if len(left) > 0 || bytes.Contains(charts[i].svg, []byte("NaN")) {
			t.Errorf("%s: no %v, or not a number, in\n%s", charts[i].file, left, charts[i].svg)
		}
	}
}

func TestGrowthOfNothingIsNotDrawn(t *testing.T) {
	all := figures{}
	all.add(figure{ID: "growth-ours-cpu", Section: "Growth", Unit: "µs"}, "10", 0)
	if charts := all.charts(); len(charts) != 0 {
		t.Errorf("charts %v of 0 on a logarithmic scale, want none", charts)
	}
}
