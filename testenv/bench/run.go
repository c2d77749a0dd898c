package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// plan says how much is measured.
type plan struct {
	name            string
	proxies         []string
	generations     int           // how often the proxies are started anew: each start lies differently in memory
	rounds          int           // of connections, in each generation
	connections     int           // of a round
	clients         int           // that open connections at the same time
	workers         []int         // numbers of workers to compare with
	rate            float64       // connections per second for the latency
	latencyRounds   int           // in each generation
	latencyTime     time.Duration // of a round
	bulkRounds      int           // in each generation
	bulkBytes       int64         // of a round, each way
	idleConnections int
	idleRounds      int // each in new processes
	freshRounds     int
	freshNames      int // of a round
	editRounds      int
	sizes           []int
	growthStarts    int // how often the proxies are started with each size
}

// short takes up to three minutes, full up to thirty.
var (
	shortPlan = plan{
		name:    "short",
		proxies: []string{floor, limit, ours, legacy}, generations: 3, rounds: 20, connections: 80, clients: 4, workers: []int{1},
		rate: 200, latencyRounds: 2, latencyTime: time.Second, bulkRounds: 6, bulkBytes: 64 << 20,
		idleConnections: 1000, idleRounds: 2, freshRounds: 5, freshNames: 200, editRounds: 1,
		sizes: []int{10, 100_000}, growthStarts: 1,
	}
	fullPlan = plan{
		name:    "full",
		proxies: []string{floor, limit, ours, unaided, uncounted, unlimited, legacy, terse, haproxy, nginx}, generations: 6, rounds: 20, connections: 80, clients: 4, workers: []int{1, 2},
		rate: 200, latencyRounds: 4, latencyTime: 1500 * time.Millisecond, bulkRounds: 25, bulkBytes: 64 << 20,
		idleConnections: 2000, idleRounds: 3, freshRounds: 20, freshNames: 250, editRounds: 3,
		sizes: []int{10, 1000, 10_000, 100_000}, growthStarts: 3,
	}
)

// run is one run of the benchmark.
type run struct {
	world    *world
	plan     plan
	figures  figures
	commit   string   // of this repository
	notes    []string // for the report
	progress io.Writer
	start    time.Time
}

func (r *run) say(format string, args ...any) {
	fmt.Fprintf(r.progress, "%6.1f s  %s\n", time.Since(r.start).Seconds(), fmt.Sprintf(format, args...))
}

// step measures one round of one proxy.
type step struct {
	rounds int // in each generation
	do     func(context.Context, *proxy, setup) error
	apart  bool // of one worker: the proxies have a CPU of their own
}

// interleaved takes a step in rounds of all proxies.
func (r *run) interleaved(ctx context.Context, what string, s setup, next step) error {
	for generation := range r.plan.generations {
		r.say("%s, %s: start %d of %d", what, s, generation+1, r.plan.generations)
		err := r.withProxies(ctx, r.plan.proxies, s, func(proxies []*proxy) error {
			if err := warmAll(ctx, proxies); err != nil {
				return err
			}
			return take(ctx, proxies, s, next)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func take(ctx context.Context, proxies []*proxy, s setup, next step) error {
	do := func() error {
		return rounds(next.rounds, proxies, func(p *proxy) error { return next.do(ctx, p, s) })
	}
	if !next.apart || s.workers > 1 {
		return do()
	}
	together, err := apart(proxies)
	if err != nil {
		return err
	}
	return errors.Join(do(), together())
}

// rounds calls do for each proxy in n rounds; each is the first in turn.
func rounds(n int, proxies []*proxy, do func(*proxy) error) error {
	for round := range n {
		first := round % len(proxies)
		for _, p := range slices.Concat(proxies[first:], proxies[:first]) {
			if err := do(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// withProxies starts proxies of these kinds, and stops them after use.
func (r *run) withProxies(ctx context.Context, kinds []string, s setup, use func([]*proxy) error) (err error) {
	var proxies []*proxy
	defer func() { err = errors.Join(err, stopAll(proxies)) }()
	for _, kind := range kinds {
		p, err := r.world.startProxy(ctx, kind, s)
		if err != nil {
			return err
		}
		proxies = append(proxies, p)
	}
	return use(proxies)
}

func stopAll(proxies []*proxy) error {
	var errs []error
	for _, p := range proxies {
		if err := p.stop(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p.name, err))
		}
	}
	return errors.Join(errs...)
}
