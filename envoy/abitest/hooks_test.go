package abitest_test

import (
	"testing"

	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"

	"wildcard-egress/envoy"
	"wildcard-egress/envoy/abitest"
)

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

// However a connection's wait ends, it is measured, and once.
func TestEachWaitIsMeasuredOnce(t *testing.T) {
	for name, end := range map[string]func(*abitest.Conn){
		"by a decision": func(c *abitest.Conn) {
			c.Append([]byte("x"))
			c.Read(false)
			c.Event(abitest.RemoteClose)
		},
		"by the client's end": func(c *abitest.Conn) { c.Event(abitest.RemoteClose) },
		"by the deadline":     func(c *abitest.Conn) { c.Scheduled(0) },
	} {
		t.Run(name, func(t *testing.T) {
			config := start(t, &script{data: allow})
			config.Accept().End() // its handshake never ended
			conn := open(config)
			end(conn)
			if got := config.Recorded(); got != 1 {
				t.Errorf("%d waits measured, want one", got)
			}
			conn.End()
			config.End()
			wantNothingLeft(t)
		})
	}
}
