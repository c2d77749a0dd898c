package abitest_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"

	"wildcard-egress/envoy"
	"wildcard-egress/envoy/abitest"
)

// Connections of many different times to wait end each in its own, whoever came
// before, and those with hours to go stay.
func TestDeadlinesOfMixedTimesComeInTheirOrder(t *testing.T) {
	const each = 50
	var late atomic.Int64
	s := &script{deadline: func(conn *envoy.Conn) { late.Add(1); conn.Close("late", api.NoFlush) }}
	config := start(t, s)
	limits := []time.Duration{time.Hour, 40 * time.Millisecond, time.Minute, 20 * time.Millisecond, 2 * time.Hour, 30 * time.Millisecond}
	var short, long []*abitest.Conn
	for i := range each * len(limits) {
		limit := limits[i%len(limits)]
		s.host.SetLimits(envoy.Limits{Deadline: limit})
		if conn := open(config); limit < time.Second {
			short = append(short, conn)
		} else {
			long = append(long, conn)
		}
	}
	for _, conn := range short {
		until(t, "the deadline is posted", func() bool { return conn.Posted() > 0 })
		conn.RunPosted()
	}
	for _, conn := range long {
		if n := conn.Posted(); n != 0 {
			t.Fatalf("%d deadlines for a connection that has a minute or more", n)
		}
	}
	if n := int(late.Load()); n != len(short) {
		t.Errorf("%d connections ended, want the %d whose time was short", n, len(short))
	}
	for _, conn := range append(short, long...) {
		conn.End()
	}
	config.End()
	wantNothingLeft(t)
}

// BenchmarkWait is what the waiting lists cost a connection at one listener
// while others wait at another, under the same or a longer time.
func BenchmarkWait(b *testing.B) {
	for _, bench := range []struct {
		name    string
		waiting int
		limit   time.Duration
	}{
		{name: "alone", limit: time.Minute},
		{name: "8000 of the same time", waiting: 8000, limit: time.Minute},
		{name: "8000 of a longer time", waiting: 8000, limit: time.Hour},
	} {
		b.Run(bench.name, func(b *testing.B) {
			other, one := &script{}, &script{}
			long, short := start(b, other), start(b, one)
			other.host.SetLimits(envoy.Limits{Deadline: bench.limit})
			one.host.SetLimits(envoy.Limits{Deadline: time.Minute})
			var waiting []*abitest.Conn
			for range bench.waiting {
				waiting = append(waiting, open(long))
			}
			for b.Loop() {
				open(short).End()
			}
			for _, conn := range waiting {
				conn.End()
			}
			long.End()
			short.End()
			wantNothingLeft(b)
		})
	}
}
