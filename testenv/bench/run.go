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
	generations     int           // how often the proxies are started anew: each start lies differently in memory
	rounds          int           // of connections, in each generation
	connections     int           // of a round
	clients         int           // that open connections at the same time
	rate            float64       // connections per second for the latency
	latencyRounds   int           // in each generation
	latencyTime     time.Duration // of a round
	bulkRounds      int           // in each generation
	bulkBytes       int64         // of a round, each way
	idleConnections int
	idleRounds      int // each in new processes
}

// short takes up to three minutes.
var short = plan{
	generations: 3, rounds: 24, connections: 80, clients: 4,
	rate: 200, latencyRounds: 2, latencyTime: 1500 * time.Millisecond,
	bulkRounds: 3, bulkBytes: 128 << 20,
	idleConnections: 1000, idleRounds: 3,
}

// run is one run of the benchmark.
type run struct {
	world    *world
	plan     plan
	proxies  []string
	figures  figures
	progress io.Writer
	start    time.Time
}

// policyText has ten patterns. The deadline is long, so that connections can
// be seen waiting for their hello.
const policyText = `version: 1
defaults: {client_hello_timeout: 5m}
rules:
  - name: wikipedia
    hosts: ["*.wikipedia.org"]
  - name: others
    hosts: ["*.example.com", "*.example.net", "*.example.org", api.stripe.com, "*.paypal.com",
      "*.amazonaws.com", "*.googleapis.com", "*.github.com", cloud.ibm.com]
`

func (s setup) String() string {
	text := map[handshake]string{
		full: "mTLS, full handshake", resumed: "mTLS, resumed", plain: "plain TCP",
	}[s.handshake]
	if s.workers == 1 {
		return text
	}
	return fmt.Sprintf("%s, %d workers", text, s.workers)
}

func (r *run) say(format string, args ...any) {
	fmt.Fprintf(r.progress, "%6.1f s  %s\n", time.Since(r.start).Seconds(), fmt.Sprintf(format, args...))
}

// step measures one round of one proxy.
type step struct {
	rounds int // in each generation
	do     func(context.Context, *proxy, setup) error
}

// interleaved takes each step in rounds of all proxies.
func (r *run) interleaved(ctx context.Context, s setup, steps ...step) error {
	for generation := range r.plan.generations {
		r.say("%s: start %d of %d", s, generation+1, r.plan.generations)
		err := r.withProxies(ctx, s, func(proxies []*proxy) error {
			for _, p := range proxies {
				if err := p.warm(ctx); err != nil {
					return err
				}
			}
			for _, step := range steps {
				for round := range step.rounds {
					for _, p := range rotated(proxies, round) {
						if err := step.do(ctx, p, s); err != nil {
							return err
						}
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// memory measures what connections hold, each round in new processes.
func (r *run) memory(ctx context.Context, s setup) error {
	for round := range r.plan.idleRounds {
		r.say("memory, %s: round %d of %d", s, round+1, r.plan.idleRounds)
		for _, waiting := range []bool{false, true} {
			err := r.withProxies(ctx, s, func(proxies []*proxy) error {
				for _, p := range rotated(proxies, round) {
					if err := p.warm(ctx); err != nil {
						return err
					}
					if err := r.idleMemory(ctx, p, s, waiting); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// withProxies starts all proxies, and stops them after use.
func (r *run) withProxies(ctx context.Context, s setup, use func([]*proxy) error) (err error) {
	var proxies []*proxy
	defer func() {
		for _, p := range proxies {
			err = errors.Join(err, p.stop())
		}
	}()
	for _, name := range r.proxies {
		p, err := r.world.startProxy(ctx, name, s)
		if err != nil {
			return err
		}
		proxies = append(proxies, p)
	}
	return use(proxies)
}

// rotated lets each proxy be the first in turn.
func rotated(proxies []*proxy, round int) []*proxy {
	first := round % len(proxies)
	return slices.Concat(proxies[first:], proxies[:first])
}
