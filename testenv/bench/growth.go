package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// growth measures what a longer list of hosts costs: to load, to edit, to
// keep, and for each connection. All sizes of one proxy run side by side.
func (r *run) growth(ctx context.Context, s setup) error {
	for _, kind := range []string{ours, legacy, haproxy, nginx} {
		if !slices.Contains(r.plan.proxies, kind) {
			continue
		}
		for start := range r.plan.growthStarts {
			r.say("growth of %s: start %d of %d", kind, start+1, r.plan.growthStarts)
			if err := r.growthOf(ctx, kind, s); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *run) growthOf(ctx context.Context, kind string, s setup) (err error) {
	var proxies []*proxy
	defer func() {
		if stopErr := stopAll(proxies); err == nil {
			err = stopErr
		}
	}()
	add := func(id, title, unit string, p *proxy, sample float64) {
		r.figures.add(figure{Alone: id == "load", ID: "growth-" + kind + "-" + id, Section: "Growth with the number of hosts: " + kind, Title: title, Unit: unit},
			p.name[len(kind)+1:], sample)
	}
	var least time.Duration
	for i, size := range r.plan.sizes {
		s.hosts, s.label = manyHosts(size), grouped(size)
		p, err := r.world.startProxy(ctx, kind, s)
		if err != nil {
			return err
		}
		proxies = append(proxies, p)
		if i == 0 {
			least = p.startTime
		}
		used, err := p.usage()
		if err != nil {
			return err
		}
		add("start", "start of the process until it is ready", "ms", p, milliseconds(p.startTime))
		add("load", "of this, more than with "+grouped(r.plan.sizes[0])+" hosts", "ms", p, milliseconds(p.startTime-least))
		add("resident", "resident, before any connection", "MB", p, float64(used.resident)/1e6)
		if err := p.warm(ctx); err != nil {
			return err
		}
	}
	err = rounds(r.plan.rounds, proxies, func(p *proxy) error {
		used, err := r.cpuOfConnections(ctx, p, s)
		add("cpu", "CPU per connection, "+s.String(), "µs", p, r.each(used.worker+used.others))
		return err
	})
	if err != nil {
		return err
	}
	for i, p := range proxies {
		took, err := p.timeEdit(ctx, manyHosts(r.plan.sizes[i]))
		if err != nil {
			return err
		}
		resident, err := p.settledMemory(ctx)
		if err != nil {
			return err
		}
		peak, err := p.peakMemory()
		add("edit", "live edit, until the first connection by it", "ms", p, milliseconds(took))
		add("resident-edited", "resident after connections and the edit", "MB", p, float64(resident)/1e6)
		add("resident-peak", "resident at the most, ever", "MB", p, float64(peak)/1e6)
		if err != nil {
			return err
		}
	}
	return nil
}

// settledMemory returns the resident bytes when no more have been given back
// to the kernel for a while.
func (p *proxy) settledMemory(ctx context.Context) (least int64, err error) {
	unchanged := 0
	err = waitFor(ctx, p.name+": its memory keeps shrinking", func() (bool, error) {
		used, err := p.usage()
		if unchanged++; least == 0 || used.resident < least {
			least, unchanged = used.resident, 0
		}
		return unchanged > 100, err
	})
	return least, err
}

// peakMemory returns the most resident bytes that the processes ever had.
func (p *proxy) peakMemory() (sum int64, err error) {
	pids, err := p.processes()
	for _, pid := range pids {
		var kilobytes int64 // none of a process that ended since
		_, _ = fmt.Sscan(proc(fmt.Sprintf("/proc/%d/status", pid), "VmHWM"), &kilobytes)
		sum += kilobytes * 1024
	}
	return sum, err
}

// grouped writes n with commas.
func grouped(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
