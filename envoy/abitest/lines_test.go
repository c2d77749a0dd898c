package abitest_test

import (
	"testing"
	"time"

	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"

	"wildcard-egress/envoy"
	"wildcard-egress/envoy/abitest"
)

// logging is a configuration where so many lines a second are written.
func logging(t *testing.T, perSecond uint32, let bool) *abitest.Config {
	t.Helper()
	config := start(t, &script{
		data: func(conn *envoy.Conn, _ []byte, _ bool) api.FilterStatus {
			if let {
				return api.NetworkFilterContinue
			}
			conn.Close("refused", api.NoFlush)
			return api.NetworkFilterStopIteration
		},
		make: func(host *envoy.Config) error {
			host.CountLinesLeftOut(counterOther)
			host.SetLimits(envoy.Limits{LinesPerSecond: perSecond})
			return nil
		},
	})
	t.Cleanup(func() {
		config.End()
		end := logUnlimited(t)
		end()
		wantNothingLeft(t)
	})
	return config
}

// logUnlimited takes the limit away, which is the process's.
func logUnlimited(t *testing.T) (end func()) {
	t.Helper()
	return start(t, &script{make: func(host *envoy.Config) error {
		host.SetLimits(envoy.Limits{})
		return nil
	}}).End
}

// Each refusal has a line or is told of by a later one, and is counted.
func TestRefusalsHaveLinesOrAreToldOf(t *testing.T) {
	const many, atOnce = 100, 10
	config := logging(t, 1, false)
	lines, told, begin := 0, 0, time.Now()
	refuse := func() {
		conn := open(config)
		conn.Append(helloOf("refused.test"))
		conn.Read(false)
		if conn.HasLine() {
			lines++
			told += conn.LinesLeftOut()
		}
		conn.End()
	}
	for range many {
		refuse()
	}
	if most := atOnce + 1 + int(time.Since(begin)/time.Second); lines > most { // one more each second
		t.Errorf("%d of %d refusals have a line, want %d at most", lines, many, most)
	}
	if counted := config.Count(counterOther); lines+counted != many {
		t.Errorf("%d lines, %d counted, want %d in all", lines, counted, many)
	}
	total := many
	until(t, "a later line tells of all", func() bool {
		refuse()
		total++
		return lines+told == total
	})
}

// What a listener filter says at accept holds for what ends there, and is taken
// back from what goes on: what is let through has a line.
func TestArrivalsHaveLinesUntilTheRateIsReached(t *testing.T) {
	const many, atOnce = 100, 10
	config := logging(t, 1, true)
	defer abitest.Listener()()
	through := func(when string) {
		conn := config.AcceptFrom(abitest.Arrive())
		conn.Event(abitest.Connected)
		conn.Append(helloOf("allowed.test"))
		if conn.Read(false) != abitest.Continue || !conn.HasLine() {
			t.Fatalf("%s: a connection that is let through has no line", when)
		}
		conn.End()
	}
	for range many { // takes no line from others
		through("before")
	}
	lines, begin := 0, time.Now()
	for range many {
		a := abitest.Arrive()
		if a.HasLine() {
			lines++
		}
		a.End()
	}
	if most := atOnce + 1 + int(time.Since(begin)/time.Second); lines < atOnce || lines > most {
		t.Errorf("%d arrivals have a line, want %d to %d", lines, atOnce, most)
	}
	through("after")
	if counted := config.Count(counterOther); counted != many-lines {
		t.Errorf("%d are counted as left out, want %d", counted, many-lines)
	}
	until(t, "a later line tells of all", func() bool {
		a := abitest.Arrive()
		defer a.End()
		return a.HasLine() && a.LinesLeftOut() >= many-lines
	})
}

// An edit that takes the limit away leaves no mark on what is under way.
func TestALimitThatIsTakenAwayLeavesNoMark(t *testing.T) {
	config := logging(t, 1, true)
	defer abitest.Listener()()
	for {
		a := abitest.Arrive()
		if a.HasLine() {
			a.End()
			continue
		}
		defer logUnlimited(t)()
		conn := config.AcceptFrom(a)
		if !conn.HasLine() {
			t.Error("the mark of the old limit is still there")
		}
		conn.End()
		return
	}
}
