package main

import (
	"strings"
	"testing"
)

func TestCompare(t *testing.T) {
	const before = "BenchmarkFeed/chrome-2 100 500 ns/op 64 B/op 2 allocs/op\nBenchmarkFeed/chrome-2 100 700 ns/op 64 B/op 2 allocs/op\n" +
		"BenchmarkHelloRead/curl 1 1000 instructions/op\n"
	for name, tt := range map[string]struct {
		before, now string
		want        string // in the error; empty: none
	}{
		"the same is good": {before: before, now: before},
		"slower is not guarded": {before: before,
			now: strings.NewReplacer("500 ns", "900 ns", "700 ns", "900 ns").Replace(before)},
		"less is good": {before: before, now: strings.ReplaceAll(before, "2 allocs", "1 allocs")},
		"an allocation more is not": {before: before, now: strings.Replace(before, "2 allocs", "3 allocs", 1),
			want: "Feed/chrome-2: 3 allocs/op, was 2"},
		"nor many instructions more": {before: before, now: strings.Replace(before, "1000 instr", "1021 instr", 1),
			want: "HelloRead/curl: 1021 instructions/op, was 1000"},
		"few instructions more are": {before: before, now: strings.Replace(before, "1000 instr", "1020 instr", 1)},
		"a benchmark that is gone": {before: before, now: strings.Split(before, "BenchmarkHello")[0],
			want: "HelloRead/curl: instructions/op is not measured any more"},
		"nothing to compare with": {now: before, want: "no committed figures"},
		"a broken line":           {before: "BenchmarkFeed 100 x ns/op\n", now: before, want: "figures:1"},
	} {
		t.Run(name, func(t *testing.T) {
			err := compare([]byte(tt.before), []byte(tt.now))
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("compare = %v, want %q", err, tt.want)
			}
		})
	}
}
