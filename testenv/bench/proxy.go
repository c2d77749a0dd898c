package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"wildcard-egress/testenv/procs"
)

// proxy is one running gateway.
type proxy struct {
	name   string // in tables
	kind   string // one of the constants
	file   string // how its files begin
	addr   string
	client *dialer
	// processes returns the ids of the processes that do the work.
	processes func() ([]int, error)
	// workers returns the ids of the threads that relay.
	workers func([]procs.ThreadUsage) map[int]bool
	stop    func() error
	// edit replaces the allowed hosts while it runs, as its operators do. It
	// may return before they are in force. Nil: it has none.
	edit      func(hosts []string) error
	startTime time.Duration // from the start of the process until it was ready

	upstream  *upstream
	idleFiles int // open files without any connection
}

// envoyWorkers are the first thread of each name that Envoy gives to workers.
// A thread that a worker starts, such as one of Go's, inherits the name.
func envoyWorkers(threads []procs.ThreadUsage) map[int]bool {
	first := map[string]int{}
	for _, t := range threads {
		if id, ok := first[t.Name]; strings.HasPrefix(t.Name, "wrk:") && (!ok || t.ID < id) {
			first[t.Name] = t.ID
		}
	}
	workers := map[int]bool{}
	for _, id := range first {
		workers[id] = true
	}
	return workers
}

// allThreads is for servers that have no helper threads.
func allThreads(threads []procs.ThreadUsage) map[int]bool {
	workers := map[int]bool{}
	for _, t := range threads {
		workers[t.ID] = true
	}
	return workers
}

// usage is what a proxy has used so far, all its processes together.
type usage struct {
	worker, others time.Duration
	resident       int64 // bytes
	files          int
}

func (p *proxy) usage() (usage, error) {
	pids, err := p.processes()
	if err != nil {
		return usage{}, err
	}
	var sum usage
	for _, pid := range pids {
		u, err := procs.UsageOf(pid)
		if errors.Is(err, fs.ErrNotExist) {
			continue // ended since, as an old worker of nginx does after a reload
		}
		if err != nil {
			return usage{}, fmt.Errorf("%s: %w", p.name, err)
		}
		sum.resident += u.ResidentBytes
		sum.files += u.OpenFiles
		workers := p.workers(u.Threads)
		for _, t := range u.Threads {
			if workers[t.ID] {
				sum.worker += t.CPU
			} else {
				sum.others += t.CPU
			}
		}
	}
	return sum, nil
}

// warm makes the proxy resolve all names and do everything once.
func (p *proxy) warm(ctx context.Context) error {
	if err := p.client.openAndClose(ctx, 4, 2*names); err != nil {
		return fmt.Errorf("%s: first connections: %w", p.name, err)
	}
	return p.learnIdleFiles(ctx)
}

func warmAll(ctx context.Context, proxies []*proxy) error {
	for _, p := range proxies {
		if err := p.warm(ctx); err != nil {
			return err
		}
	}
	return nil
}

// learnIdleFiles waits until the proxy has closed what it will close.
func (p *proxy) learnIdleFiles(ctx context.Context) error {
	same := 0
	return waitFor(ctx, p.name+": its open files keep changing", func() (bool, error) {
		u, err := p.usage()
		if u.files != p.idleFiles || p.upstream.active.Load() != 0 {
			p.idleFiles, same = u.files, 0
		}
		same++
		return same > 5, err
	})
}

// settle waits until the proxy has closed all connections: what it costs to
// close them belongs to the connections that were measured.
func (p *proxy) settle(ctx context.Context) error {
	return waitFor(ctx, p.name+": connections stay open", func() (bool, error) {
		if p.upstream.active.Load() != 0 {
			return false, nil
		}
		u, err := p.usage()
		return u.files <= p.idleFiles, err
	})
}

// measure returns what the proxy used while work ran, until all is closed.
func (p *proxy) measure(ctx context.Context, work func() error) (usage, error) {
	if err := p.settle(ctx); err != nil {
		return usage{}, err
	}
	before, err := p.usage()
	if err != nil {
		return usage{}, err
	}
	if err := work(); err != nil {
		return usage{}, fmt.Errorf("%s: %w", p.name, err)
	}
	if err := p.settle(ctx); err != nil {
		return usage{}, err
	}
	after, err := p.usage()
	after.worker -= before.worker
	after.others -= before.others
	after.resident -= before.resident
	return after, err
}

// waitFor polls done until it says so; problem says what is wrong if it never does.
func waitFor(ctx context.Context, problem string, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, clientTimeout, errors.New(problem))
	defer cancel()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}
