package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"time"

	"wildcard-egress/filter/clienthello/hellotest"
)

// liveStreams is how many connections live through an edit of the hosts.
const liveStreams = 100

// edits adds a host to each proxy's list while streams live, and counts the
// streams that do not survive it.
func (r *run) edits(ctx context.Context, s setup) error {
	for round := range r.plan.editRounds {
		r.say("edits with %d live streams: round %d of %d", liveStreams, round+1, r.plan.editRounds)
		if err := r.editRound(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) editRound(ctx context.Context, s setup) error {
	kinds := slices.DeleteFunc(slices.Clone(r.plan.proxies), func(kind string) bool {
		return slices.Contains([]string{floor, limit, unaided, uncounted, unlimited, terse}, kind) // no hosts, or edited as another is
	})
	return r.withProxies(ctx, kinds, s, func(proxies []*proxy) error {
		if err := warmAll(ctx, proxies); err != nil {
			return err
		}
		streams := map[*proxy][]net.Conn{}
		for _, p := range proxies {
			conns := make([]net.Conn, liveStreams)
			defer closeAll(conns)
			streams[p] = conns
			if err := r.openAll(ctx, p, conns); err != nil {
				return err
			}
		}
		for _, p := range proxies {
			took, err := p.timeEdit(ctx, s.hosts)
			if err != nil {
				return err
			}
			r.figures.add(figure{ID: "edit-time", Section: editSection, Title: "from the edit to the first connection by it", Unit: "ms"}, p.name, milliseconds(took))
		}
		select { // what drains has drained then
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(drainTime + 2*time.Second):
		}
		for _, p := range proxies {
			r.figures.add(figure{ID: "edit-cut", Section: editSection, Title: fmt.Sprintf("streams cut, of %d", r.plan.editRounds*liveStreams), Sum: true},
				p.name, float64(cut(streams[p])))
		}
		return nil
	})
}

// openAll opens a connection in each place of conns.
func (r *run) openAll(ctx context.Context, p *proxy, conns []net.Conn) error {
	err := repeat(r.plan.clients, len(conns), func(i int) (err error) {
		conns[i], err = p.client.connect(ctx, i)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	return nil
}

const editSection = "An edit of the hosts"

// cut returns how many of the streams carry no byte any more.
func cut(streams []net.Conn) int {
	n := 0
	for _, conn := range streams {
		if put(conn, 1) != nil {
			n++
		}
	}
	return n
}

// timeEdit adds a host and returns the time until connections to it are let
// through. hosts are those that were there at the start.
func (p *proxy) timeEdit(ctx context.Context, hosts []string) (time.Duration, error) {
	const added = "added.example.edu"
	hello := hellotest.Whole(hellotest.Chrome(added).Message())
	try := func() bool {
		conn, err := p.client.open(ctx)
		if err != nil {
			return false
		}
		defer conn.Close()
		return greet(conn, hello) == nil
	}
	if try() {
		return 0, fmt.Errorf("%s: %s is let through before it is listed", p.name, added)
	}
	start := time.Now()
	if err := p.edit(append(slices.Clone(hosts), added)); err != nil {
		return 0, fmt.Errorf("%s: edit: %w", p.name, err)
	}
	err := waitFor(ctx, p.name+": an edit is never in force", func() (bool, error) { return try(), nil })
	return time.Since(start), err
}
