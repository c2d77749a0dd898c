package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tiny measures everything, once and badly; but more connections wait than a gateway
// lets wait of one address, if it is not told to.
var tiny = plan{
	name: "tiny", proxies: []string{floor, limit, ours, legacy}, generations: 1, rounds: 2, connections: 4, clients: 2, workers: []int{1},
	rate: 50, latencyRounds: 1, latencyTime: 100 * time.Millisecond, bulkRounds: 1, bulkBytes: 1 << 20,
	idleConnections: 520, idleRounds: 1, freshRounds: 2, freshNames: 5, editRounds: 1, sizes: []int{10, 200}, growthStarts: 1,
}

func TestRunMeasuresEverything(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	r := &run{plan: tiny, progress: io.Discard}
	if err := r.all(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		id, column  string
		least, most float64
	}{
		{id: "cpu-full-1", column: floor, least: 50, most: 50_000},
		{id: "cpu-resumed-1", column: limit, least: 50, most: 50_000},
		{id: "cpu-plain-1-worker", column: ours, least: 10, most: 50_000},
		{id: "cpu-plain-1", column: legacy, least: 10, most: 50_000},
		{id: "latency-full-1-p50", column: ours, least: 0.1, most: 10_000},
		{id: "bulk-full-1-up", column: ours, least: 50, most: 1_000_000},
		{id: "bulk-full-1-down", column: legacy, least: 50, most: 1_000_000},
		{id: "socket", column: "any", least: -1000, most: 1000}, // so few are lost in the noise
		{id: "log-line", column: "any", least: 300, most: 3000},
		{id: "fresh-names", column: ours, least: 10, most: 10},
		{id: "fresh-failed", column: ours},
		{id: "edit-time", column: ours, least: 0.1, most: 30_000},
		{id: "edit-cut", column: ours},
		{id: "edit-cut", column: legacy, least: liveStreams, most: liveStreams},
		{id: "growth-ours-start", column: "200", least: 1, most: 30_000},
		{id: "growth-ours-edit", column: "200", least: 1, most: 30_000},
		{id: "growth-legacy-resident", column: "10", least: 20, most: 1000},
	} {
		f := r.figures.get(want.id)
		if f == nil {
			t.Errorf("no figure %s", want.id)
			continue
		}
		if got, ok := f.of(want.column); !ok || got.Median < want.least || got.Median > want.most {
			t.Errorf("%s, %s = %v (%v), want %v to %v", want.id, want.column, got, ok, want.least, want.most)
		}
	}
	if text, err := r.figures.scale(); text != "" || err != nil {
		t.Errorf("a plan without two workers: %.200q, %v; want none", text, err)
	}
	wantReport(t, r)
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func wantReport(t *testing.T, r *run) {
	t.Helper()
	dir := t.TempDir()
	if err := r.report(dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "benchmarks.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# Benchmarks", "tiny run", "## The bars", "≤ 0.92 of legacy", "![CPU per new connection", "### An edit of the hosts"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in the report:\n%.3000s", want, text)
		}
	}
	for _, file := range []string{"cpu.svg", "growth-edit.svg", "samples.json"} {
		if _, err := os.Stat(filepath.Join(dir, "benchmarks", file)); err != nil {
			t.Error(err)
		}
	}
}

// interrupter presses Ctrl-C at the first line of progress.
type interrupter struct{ interrupt func() }

func (i interrupter) Write(b []byte) (int, error) {
	i.interrupt()
	return len(b), nil
}

func TestRunLeavesNothingWhenInterrupted(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	r := &run{plan: tiny, progress: interrupter{interrupt: cancel}}
	if err := r.all(ctx, []string{"memory"}); !errors.Is(err, context.Canceled) {
		t.Errorf("all = %v, want context.Canceled", err)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestRunRefusesWhatItDoesNotKnow(t *testing.T) {
	for name, tt := range map[string]struct {
		only    []string
		proxies []string
		want    string
	}{
		"an experiment": {only: []string{"latencies"}, proxies: tiny.proxies, want: `-only "latencies"`},
		"a proxy":       {only: []string{"latency"}, proxies: []string{floor, "squid"}, want: `-proxies "squid"`},
	} {
		t.Run(name, func(t *testing.T) {
			p := tiny
			p.proxies = tt.proxies
			r := &run{plan: p, progress: new(bytes.Buffer)}
			if err := r.all(t.Context(), tt.only); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("all = %v, want %q", err, tt.want)
			}
		})
	}
}
