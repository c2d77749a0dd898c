package main

import (
	"strings"
	"testing"
)

func TestScaleIsArithmeticOnTheFigures(t *testing.T) {
	all := figures{}
	for _, f := range []struct {
		id, column string
		value      float64
	}{
		{"cpu-full-1", ours, 600}, {"cpu-resumed-1", ours, 400}, {"cpu-full-2", ours, 660}, {"cpu-resumed-1", unaided, 460},
		{"bulk-full-1-up", ours, 600}, {"bulk-full-1-down", ours, 400}, {"memory-full", ours, 30}, {"waiting-full", ours, 20},
		{"growth-ours-resident", smallest, 80}, {"socket", "any", 5}, {"log-line", "any", 700},
	} {
		if text, err := all.scale(); text != "" || err != nil {
			t.Fatalf("before %s: %.100q, %v; want no plan from too few figures", f.id, text, err)
		}
		all.add(figure{ID: f.id}, f.column, f.value)
	}
	text, err := all.scale()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"1,667 connections/s saturate a core",       // 1 s / 600 µs
		"420 µs | **1,429 connections/s per core**", // 0.9 * 400 + 0.1 * 600 µs; 0.6 of 1 s / 420 µs
		"2 GB/s saturate a core",                    // 1 s / 500 ms
		"25,000 idle connections per GB",            // 1 GB / 40 KB
		"70 busy cores: **9 replicas of 8 workers**",
		"11,111 connections/s",
		"2,666,667 entries", // two for each, 120 s
		"4.08 GB each",      // 100,000 * 40 KB + 80 MB
		"7.78 MB/s for each of the 9 replicas, 70 MB/s in all",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
}
