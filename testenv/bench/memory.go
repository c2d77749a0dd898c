package main

import (
	"context"
	"fmt"
	"net"
)

// memory measures what open connections hold, after a hello and its greeting
// or waiting for the hello. Each round is in new processes: memory that an
// earlier connection left behind would serve the ones measured.
func (r *run) memory(ctx context.Context, s setup) error {
	for round := range r.plan.idleRounds {
		r.say("memory, %s: round %d of %d", s, round+1, r.plan.idleRounds)
		for _, f := range []struct {
			figure
			open func(*dialer, int) (net.Conn, error)
		}{
			{
				figure{ID: "memory-", Title: "idle: connected to its upstream"},
				func(c *dialer, i int) (net.Conn, error) { return c.connect(ctx, i) },
			},
			{
				figure{ID: "waiting-", Title: "waiting for its hello"},
				func(c *dialer, _ int) (net.Conn, error) { return c.open(ctx) },
			},
		} {
			f.ID += string(s.handshake)
			f.Section, f.Unit, f.Title = "Memory per connection", "KB", s.String()+", "+f.Title
			err := r.withProxies(ctx, r.plan.proxies, s, func(proxies []*proxy) error {
				return rounds(1, proxies, func(p *proxy) error {
					if err := p.warm(ctx); err != nil {
						return err
					}
					held, err := r.held(p, f.open)
					r.figures.add(f.figure, p.name, held)
					return err
				})
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// held opens connections and returns by how many KB each makes p grow.
func (r *run) held(p *proxy, open func(*dialer, int) (net.Conn, error)) (float64, error) {
	conns := make([]net.Conn, r.plan.idleConnections)
	defer closeAll(conns)
	before, err := p.usage()
	if err != nil {
		return 0, err
	}
	err = repeat(r.plan.clients, len(conns), func(i int) (err error) {
		conns[i], err = open(p.client, i)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("%s: %w", p.name, err)
	}
	after, err := p.usage()
	return float64(after.resident-before.resident) / 1000 / float64(len(conns)), err
}

// closeAll closes those that are open.
func closeAll(conns []net.Conn) {
	for _, conn := range conns {
		if conn != nil {
			conn.Close()
		}
	}
}
