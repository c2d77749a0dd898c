package abitest_test

import (
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"

	"wildcard-egress/envoy"
	"wildcard-egress/envoy/abitest"
)

func allow(*envoy.Conn, []byte, bool) api.FilterStatus { return api.NetworkFilterContinue }

func trackAndAllow(conn *envoy.Conn, _ []byte, _ bool) api.FilterStatus {
	conn.Track("label")
	return api.NetworkFilterContinue
}

func fail()                 { panic("forced") }
func failOn(_ *envoy.Conn)  { panic("forced") }
func failNil(_ *envoy.Conn) { var none *envoy.Conn; none.WaitFor(1) }

// revokeAll lets the worker run until all that is tracked is closed.
func revokeAll(conn *abitest.Conn) {
	done := make(chan struct{})
	go func() { defer close(done); envoy.Revoke(func([]byte) bool { return true }) }()
	for {
		conn.RunPosted()
		select {
		case <-done:
			return
		default:
			runtime.Gosched()
		}
	}
}

func TestPanicClosesTheConnectionAndIsCounted(t *testing.T) {
	failData := func(*envoy.Conn, []byte, bool) api.FilterStatus { panic("forced") }
	read := func(c *abitest.Conn) int { c.Append([]byte("x")); return c.Read(false) }
	ended := func(hook func(*abitest.Conn)) func(*abitest.Conn) int {
		return func(c *abitest.Conn) int { hook(c); return abitest.Stop }
	}
	for name, tt := range map[string]struct {
		script *script
		drive  func(*abitest.Conn) int
	}{
		"while the filter is made":       {script: &script{newFilter: fail}, drive: read},
		"in OnNewConnection":             {script: &script{open: fail}, drive: read},
		"in OnData":                      {script: &script{data: failData}, drive: read},
		"in OnData, a nil dereference":   {script: &script{data: func(c *envoy.Conn, _ []byte, _ bool) api.FilterStatus { failNil(c); return 0 }}, drive: read},
		"in OnData, after it is tracked": {script: &script{data: func(c *envoy.Conn, _ []byte, _ bool) api.FilterStatus { c.Track("x"); panic("forced") }}, drive: read},
		"in OnEvent":                     {script: &script{event: failOn}, drive: ended(func(c *abitest.Conn) { c.Event(abitest.RemoteClose) })},
		"in OnDeadline":                  {script: &script{deadline: failOn}, drive: ended(func(c *abitest.Conn) { c.Scheduled(0) })},
		"in OnRevoke":                    {script: &script{data: trackAndAllow, revoke: failOn}, drive: ended(func(c *abitest.Conn) { read(c); revokeAll(c) })},
	} {
		t.Run(name, func(t *testing.T) {
			config := start(t, tt.script)
			conn := open(config)
			if status := tt.drive(conn); status != abitest.Stop {
				t.Errorf("the hook returned %d, want %d: stop", status, abitest.Stop)
			}
			if details, closed := conn.Closed(); details != "panic" || !closed {
				t.Errorf("closed %v with details %q, want true and panic", closed, details)
			}
			if n := config.Count(counterPanic); n != 1 {
				t.Errorf("the counter of panics is %d, want 1", n)
			}
			if status := conn.Read(false); status != abitest.Stop {
				t.Errorf("a later read returned %d, want %d: stop", status, abitest.Stop)
			}
			conn.End()
			config.End()
			wantNothingLeft(t)
		})
	}
}

// Each stack is a page: who can cause a panic must not fill the disk with it.
func TestFloodOfPanicsLeavesFewLines(t *testing.T) {
	s := &script{data: func(*envoy.Conn, []byte, bool) api.FilterStatus { panic("forced") }}
	config := start(t, s)
	before := abitest.LogLines()
	for range 3000 {
		conn := open(config)
		conn.Append([]byte("x"))
		conn.Read(false)
		conn.End()
	}
	if lines := abitest.LogLines() - before; lines < 3 || lines > 100+3 {
		t.Errorf("3000 panics left %d lines in the log, want 3 to 103", lines)
	}
	if n := config.Count(counterPanic); n != 3000 {
		t.Errorf("%d panics counted, want 3000", n)
	}
	config.End()
	wantNothingLeft(t)
}

// What a panic leaves must not be used again: under the address sanitizer a
// configuration that C has freed would be seen.
func TestPanicAroundAConfigurationEndsIt(t *testing.T) {
	for name, tt := range map[string]struct {
		script *script
		live   bool
	}{
		"while it is made":     {script: &script{make: func(*envoy.Config) error { panic("forced") }}},
		"an error":             {script: &script{make: func(*envoy.Config) error { return errors.New("no") }}},
		"while it is ended":    {script: &script{close: fail}, live: true},
		"all is well, and end": {script: &script{}, live: true},
	} {
		t.Run(name, func(t *testing.T) {
			current.Store(tt.script)
			config := abitest.NewConfig("{}")
			if (config != nil) != tt.live {
				t.Fatalf("the module made a configuration: %v, want %v", config != nil, tt.live)
			}
			if config != nil {
				config.End()
			}
			tt.script.host.SetLimits(envoy.Limits{Deadline: time.Second})
			if tt.script.host.OnMain(func() {}) {
				t.Error("OnMain accepts a task for a configuration that has ended")
			}
			wantNothingLeft(t)
		})
	}
}

func TestPanicInATaskLeavesTheOthers(t *testing.T) {
	s := &script{}
	config := start(t, s)
	ran := false
	s.host.OnMain(fail)
	s.host.OnMain(func() { ran = true })
	config.RunPosted()
	if !ran {
		t.Error("the task behind one that panicked did not run")
	}
	config.End()
	wantNothingLeft(t)
}

// At the end of a connection nothing is left to close: without its barrier this
// panic would end the test's process, as it would end Envoy.
func TestPanicAtTheEndOfAConnectionIsSwallowed(t *testing.T) {
	config := start(t, &script{})
	conn := open(config)
	conn.Append([]byte("x"))
	conn.Read(false) // waits on
	conn.LoseHandle()
	conn.End()
	config.End()
	wantNothingLeft(t)
}
