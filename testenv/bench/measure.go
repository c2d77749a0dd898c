package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// perConnection measures the CPU of new connections, one round for p.
func (r *run) perConnection(ctx context.Context, p *proxy, s setup) error {
	n := r.plan.connections
	signed := p.client.signed.Load()
	used, err := p.measure(ctx, func() error { return p.client.openAndClose(ctx, r.plan.clients, n) })
	if err != nil {
		return err
	}
	if signed = p.client.signed.Load() - signed; s.handshake == resumed && signed > 0 {
		return fmt.Errorf("%s: %d of %d outer sessions were not resumed", p.name, signed, n)
	}
	each := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) / float64(n) }
	id, title := fmt.Sprintf("cpu-%s-%d", s.handshake, s.workers), "CPU per connection, "+s.String()
	r.figures.add(figure{ID: id, Title: title + ", whole process", Unit: "µs"}, p.name, each(used.worker+used.others))
	r.figures.add(figure{ID: id + "-worker", Title: title + ", workers", Unit: "µs"}, p.name, each(used.worker))
	r.figures.add(figure{ID: id + "-others", Title: title + ", other threads", Unit: "µs"}, p.name, each(used.others))
	return nil
}

// latency opens connections at a fixed rate, whether or not the ones before
// are done, and takes the time from the start of each to its greeting.
func (r *run) latency(ctx context.Context, p *proxy, s setup) error {
	n := int(r.plan.rate * r.plan.latencyTime.Seconds())
	times := make([]float64, n)
	errs := make([]error, n)
	var running sync.WaitGroup
	ticker := time.NewTicker(time.Duration(float64(time.Second) / r.plan.rate))
	defer ticker.Stop()
	for i := range n {
		<-ticker.C
		running.Go(func() {
			start := time.Now()
			conn, err := p.client.connect(ctx, i)
			times[i] = float64(time.Since(start)) / float64(time.Millisecond)
			if errs[i] = err; err == nil {
				errs[i] = conn.Close()
			}
		})
	}
	running.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	slices.Sort(times)
	id, title := fmt.Sprintf("latency-%s-%d", s.handshake, s.workers), fmt.Sprintf("Time to the greeting at %.0f connections/s, %s", r.plan.rate, s)
	r.figures.add(figure{ID: id + "-p50", Title: title + ", p50", Unit: "ms"}, p.name, quantile(times, 0.5))
	r.figures.add(figure{ID: id + "-p99", Title: title + ", p99", Unit: "ms"}, p.name, quantile(times, 0.99))
	return p.settle(ctx)
}

// bulk measures the CPU of relaying, both ways, in one long connection.
func (r *run) bulk(ctx context.Context, p *proxy, s setup) error {
	for _, way := range []struct {
		name, title string
		transfer    func(net.Conn, int64) error
	}{
		{"up", "client to upstream", put},
		{"down", "upstream to client", get},
	} {
		used, err := p.measure(ctx, func() error {
			conn, err := p.client.connect(ctx, 0)
			if err != nil {
				return err
			}
			if err := way.transfer(conn, r.plan.bulkBytes); err != nil {
				conn.Close()
				return err
			}
			return conn.Close()
		})
		if err != nil {
			return err
		}
		r.figures.add(figure{
			ID:    fmt.Sprintf("bulk-%s-%d-%s", s.handshake, s.workers, way.name),
			Title: fmt.Sprintf("CPU per GB, %s, %s", way.title, s), Unit: "ms",
		}, p.name, float64(used.worker+used.others)/float64(time.Millisecond)*1e9/float64(r.plan.bulkBytes))
	}
	return nil
}

// idleMemory measures what an open connection holds: after a hello and its
// greeting, or waiting for the hello. p is fresh: memory that an earlier
// connection left behind would serve the ones measured.
func (r *run) idleMemory(ctx context.Context, p *proxy, s setup, waiting bool) error {
	n := r.plan.idleConnections
	conns := make([]net.Conn, n)
	defer func() {
		for _, conn := range conns {
			if conn != nil {
				conn.Close()
			}
		}
	}()
	before, err := p.usage()
	if err != nil {
		return err
	}
	err = repeat(r.plan.clients, n, func(i int) (err error) {
		if waiting {
			conns[i], err = p.client.open(ctx)
		} else {
			conns[i], err = p.client.connect(ctx, i)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	after, err := p.usage()
	id, title := "memory-"+string(s.handshake), "Memory per idle connection, "+s.String()
	if waiting {
		id, title = "waiting-"+string(s.handshake), "Memory per connection that waits for its hello, "+s.String()
	}
	r.figures.add(figure{ID: id, Title: title, Unit: "KB"}, p.name, float64(after.resident-before.resident)/1000/float64(n))
	return err
}
