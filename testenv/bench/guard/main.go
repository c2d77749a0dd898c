// Command guard holds the hot path to its last committed figures: it runs the
// micro-benchmarks, counts the instructions of the C part with callgrind,
// prints what benchstat makes of both, and fails if allocations or
// instructions have grown. Times are printed only: they are the machine's too.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
)

// committed has the figures to compare with, in the Go benchmark format.
var committed = filepath.Join("testenv", "bench", "guard", "committed.txt")

func main() {
	update := flag.Bool("update", false, "write the figures to "+committed+" instead of comparing")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, *update); err != nil {
		fmt.Fprintln(os.Stderr, "guard:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, w io.Writer, update bool) error {
	dir, err := os.MkdirTemp("", "wildcard-egress-guard-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	figures, err := goFigures(ctx)
	if err != nil {
		return err
	}
	instructions, err := instructionFigures(ctx, dir)
	if err != nil {
		return err
	}
	figures = append(figures, instructions...)
	if update {
		return os.WriteFile(committed, figures, 0o644)
	}
	now := filepath.Join(dir, "now.txt")
	if err := os.WriteFile(now, figures, 0o600); err != nil {
		return err
	}
	stat := exec.CommandContext(ctx, "go", "tool", "-modfile=tools/go.mod", "benchstat", "committed="+committed, "now="+now)
	stat.Stdout, stat.Stderr = w, os.Stderr
	if err := stat.Run(); err != nil {
		return fmt.Errorf("benchstat: %w", err)
	}
	before, err := os.ReadFile(committed)
	if err != nil {
		return err
	}
	return compare(before, figures)
}

// goFigures runs the micro-benchmarks of what each connection goes through.
func goFigures(ctx context.Context) ([]byte, error) {
	var figures []byte
	for _, b := range []struct{ pkg, pattern string }{
		{"./filter", "^BenchmarkConnection$"},
		{"./filter/clienthello", "^BenchmarkFeed$"},
		{"./filter/policy", "^BenchmarkDecide$/./^entries=(10|100000)$"},
	} {
		cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", b.pattern, "-benchmem",
			"-count", "6", "-benchtime", "100ms", "-cpu", "1", b.pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("%s: %w: %s", b.pkg, err, bytes.TrimSpace(out))
		}
		figures = append(figures, out...)
	}
	return figures, nil
}
