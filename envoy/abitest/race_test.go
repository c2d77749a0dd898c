package abitest_test

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"

	"wildcard-egress/envoy"
	"wildcard-egress/envoy/abitest"
)

const (
	workers     = 4
	connections = 1500 // of each worker
	window      = 16   // that live at the same time
)

// work has each worker open connections and end them in a random order, with
// between in all that is posted to them and a drive.
func work(config *abitest.Config, drive func(*rand.Rand, *abitest.Conn)) {
	var running sync.WaitGroup
	for worker := range workers {
		running.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 5))
			var live []*abitest.Conn
			for n := 0; n < connections || len(live) > 0; n++ {
				if n < connections {
					live = append(live, open(config))
				}
				i := random.IntN(len(live))
				live[i].RunPosted()
				drive(random, live[i])
				if len(live) > window || n >= connections {
					end(random, live[i])
					live[i], live = live[len(live)-1], live[:len(live)-1]
				}
			}
		})
	}
	running.Wait()
}

// end closes a connection as a client does, as Envoy does, or without a word,
// sometimes with something posted that will never run.
func end(random *rand.Rand, conn *abitest.Conn) {
	if _, closed := conn.Closed(); !closed && random.IntN(4) > 0 {
		conn.Event([]uint{abitest.RemoteClose, abitest.LocalClose}[random.IntN(2)])
	}
	if random.IntN(2) == 0 {
		conn.RunPosted()
	}
	conn.End()
}

// The sweeper commits deadlines while workers end the same connections.
func TestDeadlinesRaceTheEndsOfTheirConnections(t *testing.T) {
	var expired atomic.Int64
	s := &script{deadline: func(conn *envoy.Conn) { expired.Add(1); conn.Close("late", api.NoFlush) }}
	config := start(t, s)
	s.host.SetLimits(envoy.Limits{Deadline: 50 * time.Microsecond})
	untilMet(t, &expired, func() {
		work(config, func(random *rand.Rand, conn *abitest.Conn) {
			if random.IntN(4) == 0 {
				conn.Append([]byte("x"))
				conn.Read(false)
			}
		})
	})
	config.End()
	wantNothingLeft(t)
}

// untilMet has work done until what it races has been met: on a loaded machine
// another thread may not run at all meanwhile.
func untilMet(t *testing.T, met *atomic.Int64, work func()) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; {
		if work(); met.Load() > 0 {
			return
		}
		if time.Now().After(end) {
			t.Error("the race was not there, within a minute")
			return
		}
	}
}

func TestRevocationsRaceTheEndsOfTheirConnections(t *testing.T) {
	s := &script{data: trackAndAllow, revoke: func(conn *envoy.Conn) { conn.Close("revoked", api.NoFlush) }}
	config := start(t, s)
	stop := make(chan struct{})
	var revoked atomic.Int64
	var revoking sync.WaitGroup
	revoking.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				revoked.Add(int64(envoy.Revoke(func([]byte) bool { return true })))
			}
		}
	})
	untilMet(t, &revoked, func() {
		work(config, func(_ *rand.Rand, conn *abitest.Conn) {
			conn.Append([]byte("x"))
			conn.Read(false)
			runtime.Gosched()
		})
	})
	close(stop)
	revoking.Wait()
	config.End()
	wantNothingLeft(t)
}

// Configurations come and go while policies change.
func TestConfigurationsEndWhileTheyAreTold(t *testing.T) {
	for range 300 {
		s := &script{}
		config := start(t, s)
		var telling sync.WaitGroup
		for range workers {
			telling.Go(func() {
				for s.host.OnMain(func() {}) {
					s.host.SetLimits(envoy.Limits{Deadline: time.Second})
				}
			})
		}
		conn := open(config)
		config.RunPosted()
		conn.End()
		config.End()
		telling.Wait()
	}
	wantNothingLeft(t)
}

// A deadline holds from the end of the outer handshake, whatever has come.
func TestDeadlineComesOnceAndInTime(t *testing.T) {
	const limit = 100 * time.Millisecond
	s := &script{deadline: func(conn *envoy.Conn) { conn.Close("late", api.NoFlush) }}
	config := start(t, s)
	s.host.SetLimits(envoy.Limits{Deadline: limit})
	unconnected := config.Accept()
	begin := time.Now()
	conn := open(config)
	until(t, "the deadline is posted", func() bool {
		conn.Append([]byte("x")) // must not put it off
		conn.Read(false)
		return conn.Posted() > 0
	})
	if took := time.Since(begin); took < limit {
		t.Errorf("posted after %v, want %v at least", took, limit)
	}
	conn.RunPosted()
	if details, _ := conn.Closed(); details != "late" {
		t.Errorf("closed with details %q, want late", details)
	}
	if n := unconnected.Posted(); n != 0 {
		t.Errorf("%d deadlines for a connection without its outer handshake, want none: that has a limit of its own", n)
	}
	conn.End()
	unconnected.End()
	config.End()
	wantNothingLeft(t)
}
