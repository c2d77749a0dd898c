package main

import (
	"fmt"
	"strings"
)

// bar is a ratio that the project promises not to exceed.
type bar struct {
	figure, base string
	most         float64
}

var bars = []bar{
	{"cpu-full-1", legacy, 0.92},
	{"cpu-full-1-worker", legacy, 0.90},
	{"cpu-full-1-worker", floor, 1.05},
	{"cpu-resumed-1", legacy, 0.87},
	{"cpu-plain-1", legacy, 0.85},
	{"latency-full-1-p50", legacy, 0.96},
	{"bulk-full-1-up", floor, 1.02},
	{"bulk-full-1-down", floor, 1.02},
	{"memory-full", legacy, 0.62},
}

// markdown returns one table: the medians, and what ours is to floor and to
// legacy: the median of the rounds' ratios, with their quartiles.
func (all figures) markdown(proxies []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| | %s | ours to floor | ours to legacy | bar |\n", strings.Join(proxies, " | "))
	fmt.Fprintln(&b, strings.Repeat("|---", len(proxies)+4)+"|")
	for _, f := range all {
		fmt.Fprintf(&b, "| %s, %s |", f.Title, f.Unit)
		for _, p := range proxies {
			s, ok := f.of(p)
			if ok {
				fmt.Fprintf(&b, " %s", number(s.Median))
			}
			b.WriteString(" |")
		}
		fmt.Fprintf(&b, " %s | %s | %s |\n", f.ratioText(ours, floor), f.ratioText(ours, legacy), f.barText())
	}
	return b.String()
}

func (f *figure) ratioText(proxy, base string) string {
	r, ok := f.ratio(proxy, base)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%.3f (%.3f–%.3f)", r.Median, r.Low, r.High)
}

// barText says whether the promises for f are kept.
func (f *figure) barText() string {
	var texts []string
	for _, bar := range bars {
		if bar.figure != f.ID {
			continue
		}
		verdict := "missed"
		switch r, ok := f.ratio(ours, bar.base); {
		case !ok:
			verdict = "not measured"
		case r.Median <= bar.most:
			verdict = "kept"
		}
		texts = append(texts, fmt.Sprintf("≤ %.2f of %s: %s", bar.most, bar.base, verdict))
	}
	return strings.Join(texts, "; ")
}

func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
