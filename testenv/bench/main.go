// Command bench measures what a connection through the gateway costs, beside
// the chain that it replaces and beside the least that any gateway can cost.
// `make bench` starts it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	only := flag.String("only", "", "measure these alone: a comma-separated list of "+strings.Join(experimentNames(), ", "))
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	debug.SetGCPercent(800) // the client's collector runs on the same cores
	r := &run{plan: short, proxies: []string{floor, ours, legacy}}
	if err := r.all(ctx, os.Stderr, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	fmt.Print(r.figures.markdown(r.proxies))
}

// experiment is a part of a run that can be asked for by name.
type experiment struct {
	name string
	run  func(*run, context.Context) error
}

var experiments = []experiment{
	{"connections", func(r *run, ctx context.Context) error {
		for _, h := range []handshake{full, resumed, plain} {
			s := setup{handshake: h, workers: 1, policy: policyText}
			if err := r.interleaved(ctx, s, step{r.plan.rounds, r.perConnection}); err != nil {
				return err
			}
		}
		return nil
	}},
	{"latency", func(r *run, ctx context.Context) error {
		s := setup{handshake: full, workers: 1, policy: policyText}
		return r.interleaved(ctx, s, step{r.plan.latencyRounds, r.latency})
	}},
	{"bulk", func(r *run, ctx context.Context) error {
		s := setup{handshake: full, workers: 1, policy: policyText}
		return r.interleaved(ctx, s, step{r.plan.bulkRounds, r.bulk})
	}},
	{"memory", func(r *run, ctx context.Context) error {
		return r.memory(ctx, setup{handshake: full, workers: 1, policy: policyText})
	}},
}

func experimentNames() []string {
	var names []string
	for _, e := range experiments {
		names = append(names, e.name)
	}
	return names
}

// all runs the experiments; only, unless empty, names those to run.
func (r *run) all(ctx context.Context, progress io.Writer, only string) (err error) {
	r.progress, r.start = progress, time.Now()
	if r.world, err = newWorld(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.world.close()) }()
	chosen := strings.Split(only, ",")
	for _, e := range experiments {
		if only == "" || slices.Contains(chosen, e.name) {
			if err := e.run(r, ctx); err != nil {
				return fmt.Errorf("%s: %w", e.name, err)
			}
		}
	}
	return nil
}
