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
func failNil(c *envoy.Conn) { var none *envoy.Conn; none.WaitFor(1) }

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

// Whatever the other side gets wrong, nothing passes and nothing stays open.
func TestNonsenseStops(t *testing.T) {
	for name, tt := range map[string]struct {
		script  *script
		spoil   func(*abitest.Config, *abitest.Conn)
		details string // empty: it waits on, for its deadline
	}{
		"a configuration without its Go side": {script: &script{data: allow}, details: "panic",
			spoil: func(c *abitest.Config, _ *abitest.Conn) { c.LoseHandle() }},
		"an event that is not known": {script: &script{data: allow}, details: "unknown_event",
			spoil: func(_ *abitest.Config, c *abitest.Conn) { c.Event(4) }},
		"an event far out of range": {script: &script{data: allow}, details: "unknown_event",
			spoil: func(_ *abitest.Config, c *abitest.Conn) { c.Event(1 << 31) }},
		"a status that is not known":     {script: &script{data: status(7)}},
		"a negative status":              {script: &script{data: status(-1)}},
		"a scheduled id out of range":    {script: &script{}, spoil: func(_ *abitest.Config, c *abitest.Conn) { c.Scheduled(1 << 40) }},
		"a revocation of what waits":     {script: &script{}, spoil: func(_ *abitest.Config, c *abitest.Conn) { c.Scheduled(1) }},
		"a continue after its own close": {script: &script{data: closeAndAllow}, details: "own"},
	} {
		t.Run(name, func(t *testing.T) {
			config := start(t, tt.script)
			conn := open(config)
			if tt.spoil != nil {
				tt.spoil(config, conn)
			}
			conn.Append([]byte("x"))
			if got := conn.Read(false); got != abitest.Stop {
				t.Errorf("the read hook returned %d, want %d: stop", got, abitest.Stop)
			}
			if details, closed := conn.Closed(); details != tt.details || closed != (tt.details != "") {
				t.Errorf("closed %v with details %q, want %q", closed, details, tt.details)
			}
			conn.End()
			config.End()
			wantNothingLeft(t)
		})
	}
}

func status(s api.FilterStatus) func(*envoy.Conn, []byte, bool) api.FilterStatus {
	return func(*envoy.Conn, []byte, bool) api.FilterStatus { return s }
}

func closeAndAllow(conn *envoy.Conn, _ []byte, _ bool) api.FilterStatus {
	conn.Close("own", api.NoFlush)
	return api.NetworkFilterContinue
}

func TestGoIsNotEnteredAfterTheDecision(t *testing.T) {
	s := &script{data: func(_ *envoy.Conn, b []byte, _ bool) api.FilterStatus {
		if len(b) < 3 {
			return api.NetworkFilterStopIteration
		}
		return api.NetworkFilterContinue
	}}
	config := start(t, s)
	conn := open(config)
	conn.Append([]byte("a"))
	conn.Append([]byte("bcd"))
	if got := conn.Read(false); got != abitest.Continue {
		t.Fatalf("the read hook returned %d, want continue", got)
	}
	if got := conn.ReadDisabled(); got != 1 {
		t.Errorf("reading is disabled %d times, want once, as tcp_proxy left it", got)
	}
	for range 1000 {
		conn.Append([]byte("x"))
		if got := conn.Read(false); got != abitest.Continue {
			t.Fatalf("the read hook returned %d after the decision, want continue", got)
		}
	}
	if n := s.entered.Load(); n != 2 {
		t.Errorf("OnData ran %d times, want 2: once for each chunk before the decision", n)
	}
	conn.End()
	config.End()
	wantNothingLeft(t)
}

func TestDeadlineThatWasPostedBeforeTheDecisionIsVoid(t *testing.T) {
	s := &script{data: allow, deadline: failOn}
	config := start(t, s)
	conn := open(config)
	conn.Append([]byte("x"))
	conn.Read(false)
	conn.Scheduled(0)
	if details, closed := conn.Closed(); closed {
		t.Errorf("closed with details %q, want open: it was allowed", details)
	}
	conn.Append([]byte("y"))
	if got := conn.Read(false); got != abitest.Continue {
		t.Errorf("the read hook returned %d, want continue", got)
	}
	conn.End()
	config.End()
	wantNothingLeft(t)
}
