package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"wildcard-egress/filter/clienthello/hellotest"
)

// fresh makes the first connection to each of many names.
func (r *run) fresh(ctx context.Context, s setup) error {
	kinds := []string{ours, legacy, article, haproxy, nginx}
	kinds = slices.DeleteFunc(kinds, func(k string) bool {
		return k != article && !slices.Contains(r.plan.proxies, k)
	})
	r.say("fresh names: %d for each proxy", r.plan.freshRounds*r.plan.freshNames)
	return r.withProxies(ctx, kinds, s, func(proxies []*proxy) error {
		if err := warmAll(ctx, proxies); err != nil {
			return err
		}
		next := 0
		return rounds(r.plan.freshRounds, proxies, func(p *proxy) error {
			next += r.plan.freshNames
			r.freshRound(ctx, p, next)
			return p.settle(ctx)
		})
	})
}

// freshRound connects to names that nobody has used, the first of them numbered from.
func (r *run) freshRound(ctx context.Context, p *proxy, from int) {
	var mu sync.Mutex
	var times []float64
	_ = repeat(2*r.plan.clients, r.plan.freshNames, func(i int) error {
		name := fmt.Sprintf("n%d.fresh.wikipedia.org", from+i)
		hello := hellotest.Whole(hellotest.Chrome(name).Message())
		start := time.Now()
		conn, err := p.client.open(ctx)
		if err != nil {
			return nil // a failure, counted below
		}
		defer conn.Close()
		if greet(conn, hello) == nil {
			mu.Lock()
			defer mu.Unlock()
			times = append(times, milliseconds(time.Since(start)))
		}
		return nil
	})
	section := "First connections to fresh names"
	r.figures.add(figure{ID: "fresh-names", Section: section, Title: "names tried", Sum: true}, p.name, float64(r.plan.freshNames))
	r.figures.add(figure{ID: "fresh-failed", Section: section, Title: "failed", Sum: true}, p.name, float64(r.plan.freshNames-len(times)))
	if len(times) > 0 {
		r.addTimes(figure{ID: "fresh", Section: section, Title: "time to the first byte of the upstream, of those that did not fail"}, p.name, times)
	}
}
