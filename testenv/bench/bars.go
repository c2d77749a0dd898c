package main

import (
	"fmt"
	"strings"
)

// bar is what the project promises for itself: a figure, or its ratio to
// another column in the same rounds, is at most so much.
type bar struct {
	figure, column string
	base           string // empty: the figure itself counts
	most           float64
}

var bars = []bar{
	{"cpu-full-1", ours, legacy, 0.92},
	{"cpu-full-1-worker", ours, legacy, 0.90},
	{"cpu-full-1-worker", ours, floor, 1.05},
	{"cpu-resumed-1", ours, legacy, 0.87},
	{"cpu-plain-1", ours, legacy, 0.85},
	{"latency-full-1-p50", ours, legacy, 0.96},
	{"bulk-full-1-up", ours, floor, 1.02},
	{"bulk-full-1-down", ours, floor, 1.02},
	{"memory-full", ours, legacy, 0.62},
	{"fresh-failed", ours, "", 0},
	{"edit-cut", ours, "", 0},
	{"growth-ours-load", "100,000", "", 500},
	{"growth-ours-edit", "100,000", "", 500},
	{"growth-ours-resident-edited", "100,000", "", 130},
	{"growth-ours-cpu", "100,000", smallest, 1.03},
}

// barTable says which promises this run kept, of those that it measured.
func (all figures) barTable() string {
	var b strings.Builder
	b.WriteString("| | bar | measured | | limit is at |\n|---|---|---|---|---|\n")
	for _, bar := range bars {
		f := all.get(bar.figure)
		if f == nil {
			continue
		}
		got, ok := f.of(bar.column)
		most, digits := "≤ "+number(bar.most)+" "+f.Unit, number
		switch {
		case bar.base != "":
			got, ok = f.ratio(bar.column, bar.base)
			most, digits = fmt.Sprintf("≤ %.2f of %s", bar.most, bar.base), ratio
		case f.Sum:
			most = number(bar.most)
		}
		if !ok {
			continue
		}
		text := digits(got.Median)
		if got.Low != got.High || bar.base != "" {
			text += " (" + digits(got.Low) + "–" + digits(got.High) + ")"
		}
		verdict := "missed"
		if got.Median <= bar.most {
			verdict = "kept"
		}
		least := ""
		if x, ok := f.ratio(limit, bar.base); ok {
			least = ratio(x.Median)
		}
		fmt.Fprintf(&b, "| %s: %s, %s | %s | %s | %s | %s |\n", f.Section, f.Title, bar.column, most, text, verdict, least)
	}
	return b.String()
}

func ratio(v float64) string { return fmt.Sprintf("%.3f", v) }
