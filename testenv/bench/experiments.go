package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// experiment is a part of a run that can be asked for by name.
type experiment struct {
	name string
	run  func(*run, context.Context) error
}

var experiments = []experiment{
	// First, since the kernel keeps memory of sockets that were closed.
	{"host", func(r *run, ctx context.Context) error { return r.host(ctx) }},
	{"connections", func(r *run, ctx context.Context) error {
		for _, workers := range r.plan.workers {
			for _, h := range []handshake{full, resumed, plain} {
				s := setup{handshake: h, workers: workers, hosts: tenHosts}
				if err := r.interleaved(ctx, "CPU per connection", s, step{rounds: r.plan.rounds, do: r.perConnection, apart: true}); err != nil {
					return err
				}
			}
		}
		return nil
	}},
	{"ambient", func(r *run, ctx context.Context) error {
		s := usual(ambient)
		return errors.Join(
			r.interleaved(ctx, "CPU per connection", s, step{rounds: r.plan.rounds, do: r.perConnection, apart: true}),
			r.memory(ctx, s))
	}},
	{"latency", func(r *run, ctx context.Context) error {
		return r.interleaved(ctx, "latency", usual(full), step{rounds: r.plan.latencyRounds, do: r.latency})
	}},
	{"bulk", func(r *run, ctx context.Context) error {
		return r.interleaved(ctx, "CPU per GB", usual(full), step{rounds: r.plan.bulkRounds, do: r.bulk, apart: true})
	}},
	{"memory", func(r *run, ctx context.Context) error { return r.memory(ctx, usual(full)) }},
	{"fresh", func(r *run, ctx context.Context) error { return r.fresh(ctx, usual(resumed)) }},
	{"edits", func(r *run, ctx context.Context) error { return r.edits(ctx, usual(full)) }},
	{"growth", func(r *run, ctx context.Context) error { return r.growth(ctx, usual(plain)) }},
}

func usual(h handshake) setup { return setup{handshake: h, workers: 1, hosts: tenHosts} }

func experimentNames() []string {
	var names []string
	for _, e := range experiments {
		names = append(names, e.name)
	}
	return names
}

// all runs the experiments; only, unless empty, names those to run.
func (r *run) all(ctx context.Context, only []string) (err error) {
	r.start = time.Now()
	for _, kind := range r.plan.proxies {
		if !slices.Contains(fullPlan.proxies, kind) {
			return fmt.Errorf("-proxies %q: want some of %q", kind, fullPlan.proxies)
		}
	}
	for _, name := range only {
		if !slices.Contains(experimentNames(), name) {
			return fmt.Errorf("-only %q: want some of %q", name, experimentNames())
		}
	}
	r.lookAround(ctx)
	if r.world, err = newWorld(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.world.close()) }()
	for _, e := range experiments {
		if len(only) > 0 && !slices.Contains(only, e.name) {
			continue
		}
		if err := e.run(r, ctx); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}
	return nil
}
