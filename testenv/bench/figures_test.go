package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func measured(samples map[string][]float64) *figure {
	all := figures{}
	for column, values := range samples {
		for _, v := range values {
			all.add(figure{ID: "x"}, column, v)
		}
	}
	return all.get("x")
}

func TestSpreadOf(t *testing.T) {
	for name, tt := range map[string]struct {
		samples []float64
		want    spread
		none    bool
	}{
		"no samples have none":                  {none: true},
		"one sample is all":                     {samples: []float64{3}, want: spread{Low: 3, Median: 3, High: 3}},
		"an odd number has a middle":            {samples: []float64{9, 1, 5}, want: spread{Low: 3, Median: 5, High: 7}},
		"an even number has two":                {samples: []float64{4, 1, 3, 2}, want: spread{Low: 1.75, Median: 2.5, High: 3.25}},
		"an outlier does not move the quartile": {samples: []float64{1, 1, 1, 1, 1000}, want: spread{Low: 1, Median: 1, High: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := spreadOf(tt.samples)
			if diff := cmp.Diff(tt.want, got); ok == tt.none || diff != "" {
				t.Errorf("spreadOf = %v, %v (-want +got):\n%s", got, ok, diff)
			}
		})
	}
}

func TestRatioIsThatOfTheRounds(t *testing.T) {
	// The machine was twice as slow in the second round, for both.
	f := measured(map[string][]float64{ours: {9, 18, 9}, legacy: {10, 20, 10}})
	if got, ok := f.ratio(ours, legacy); !ok || got != (spread{Low: 0.9, Median: 0.9, High: 0.9}) {
		t.Errorf("ratio = %v, %v; want 0.9 in each round", got, ok)
	}
	for name, f := range map[string]*figure{
		"rounds without the other":  measured(map[string][]float64{ours: {1, 2}, legacy: {1}}),
		"a base that is not there":  measured(map[string][]float64{ours: {1}}),
		"a base that is zero":       measured(map[string][]float64{ours: {1}, legacy: {0}}),
		"what is a sum of failures": {Sum: true, Samples: map[string][]float64{ours: {1}, legacy: {1}}},
	} {
		if got, ok := f.ratio(ours, legacy); ok {
			t.Errorf("%s: ratio = %v, want none", name, got)
		}
	}
}

func TestSumAddsTheRounds(t *testing.T) {
	f := figure{Sum: true, Samples: map[string][]float64{ours: {1, 0, 2}}}
	if got, ok := f.of(ours); !ok || got.Median != 3 {
		t.Errorf("of = %v, %v; want 3", got, ok)
	}
}

func example() figures {
	all := figures{}
	for round := range 2 {
		slow := float64(round + 1)
		for column, v := range map[string]float64{floor: 100, ours: 110, legacy: 125} {
			all.add(figure{ID: "cpu-full-1", Section: "CPU", Title: "mTLS", Unit: "µs"}, column, v*slow)
		}
	}
	all[0].Columns = []string{floor, ours, legacy}
	all.add(figure{ID: "edit-cut", Section: "Edit", Title: "streams cut", Sum: true}, ours, 0)
	all.add(figure{ID: "edit-cut", Section: "Edit"}, legacy, 100)
	for size, v := range map[string]float64{"10": 3, "100,000": 600} {
		all.add(figure{ID: "growth-ours-load", Section: "Growth", Title: "load", Unit: "ms"}, size, v)
	}
	all.get("growth-ours-load").Columns = []string{"10", "100,000"}
	return all
}

func TestMarkdown(t *testing.T) {
	want := `
### CPU

![a chart](benchmarks/cpu.svg)

| | floor | ours | legacy |
|---|---|---|---|
| **mTLS, µs** | 150 (125–175) | 165 (138–192) | 188 (156–219) |
| to floor | 1 | 1.100 (1.100–1.100) | 1.250 (1.250–1.250) |
| to legacy | 0.800 (0.800–0.800) | 0.880 (0.880–0.880) | 1 |

### Edit

| | ours | legacy |
|---|---|---|
| **streams cut** | 0 | 100 |

### Growth

| | 10 | 100,000 |
|---|---|---|
| **load, ms** | 3 | 600 |
| to 10 | 1 | 200.000 |
`
	got := example().markdown([]chart{{file: "cpu", section: "CPU", title: "a chart"}})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("markdown (-want +got):\n%s", diff)
	}
}

func TestBarTable(t *testing.T) {
	got := example().barTable()
	for _, want := range []string{
		"| CPU: mTLS, ours | ≤ 0.92 of legacy | 0.880 (0.880–0.880) | kept |",
		"| Edit: streams cut, ours | 0 | 0 | kept |",
		"| Growth: load, 100,000 | ≤ 500 ms | 600 | missed |",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	if got := strings.Count(got, "\n"); got != 5 {
		t.Errorf("%d lines, want the head's two and one for each bar that was measured", got)
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int]string{0: "0", 10: "10", 999: "999", 1000: "1,000", 100_000: "100,000", 1_234_567: "1,234,567"} {
		if got := grouped(n); got != want || sizeOf(got) != float64(n) {
			t.Errorf("grouped(%d) = %q, read back as %v", n, got, sizeOf(got))
		}
	}
}
