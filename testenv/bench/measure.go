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
	used, err := r.cpuOfConnections(ctx, p, s)
	if err != nil {
		return err
	}
	id := fmt.Sprintf("cpu-%s-%d", s.handshake, s.workers)
	f := figure{Section: "CPU per new connection", Unit: "µs"}
	f.ID, f.Title = id, s.String()+", whole process"
	r.figures.add(f, p.name, r.each(used.worker+used.others))
	f.ID, f.Title = id+"-worker", s.String()+", workers"
	r.figures.add(f, p.name, r.each(used.worker))
	f.ID, f.Title, f.Alone = id+"-others", s.String()+", other threads", true
	r.figures.add(f, p.name, r.each(used.others))
	return nil
}

// cpuOfConnections returns what a round of connections cost, in all.
func (r *run) cpuOfConnections(ctx context.Context, p *proxy, s setup) (usage, error) {
	n := r.plan.connections
	signed := p.client.signed.Load()
	used, err := p.measure(ctx, func() error { return p.client.openAndClose(ctx, r.plan.clients, n) })
	if err != nil {
		return usage{}, err
	}
	if signed = p.client.signed.Load() - signed; s.handshake == resumed && signed > 0 {
		return usage{}, fmt.Errorf("%s: %d of %d outer sessions were not resumed", p.name, signed, n)
	}
	return used, nil
}

// each returns microseconds per connection.
func (r *run) each(d time.Duration) float64 {
	return float64(d) / float64(time.Microsecond) / float64(r.plan.connections)
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
			times[i] = milliseconds(time.Since(start))
			if errs[i] = err; err == nil {
				errs[i] = conn.Close()
			}
		})
	}
	running.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	r.addTimes(figure{
		ID: fmt.Sprintf("latency-%s-%d", s.handshake, s.workers), Title: s.String(),
		Section: fmt.Sprintf("Time from TCP connect to the first byte of the upstream, at %.0f connections/s", r.plan.rate),
	}, p.name, times)
	return p.settle(ctx)
}

// addTimes adds the 50th and 99th percentile of a round's times, in ms.
func (r *run) addTimes(f figure, column string, times []float64) {
	slices.Sort(times)
	id, title := f.ID, f.Title
	f.Unit = "ms"
	f.ID, f.Title = id+"-p50", title+", p50"
	r.figures.add(f, column, quantile(times, 0.5))
	f.ID, f.Title = id+"-p99", title+", p99"
	r.figures.add(f, column, quantile(times, 0.99))
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

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
			return errors.Join(way.transfer(conn, r.plan.bulkBytes), conn.Close())
		})
		if err != nil {
			return err
		}
		r.figures.add(figure{
			ID:      fmt.Sprintf("bulk-%s-%d-%s", s.handshake, s.workers, way.name),
			Section: "CPU per GB relayed", Title: fmt.Sprintf("%s, %s", s, way.title), Unit: "ms",
		}, p.name, milliseconds(used.worker+used.others)*1e9/float64(r.plan.bulkBytes))
	}
	return nil
}
