package abitest_test

import (
	"sync"
	"testing"

	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"

	"wildcard-egress/envoy"
	"wildcard-egress/envoy/abitest"
)

func reports(host *envoy.Config) error {
	host.ReportOutcomes()
	return nil
}

// A connection whose name has no address waits, passes nothing, and is ended on
// its worker, whatever the filter gets wrong.
func TestWhatHasNoAddressIsEnded(t *testing.T) {
	for name, tt := range map[string]struct {
		unresolved, woken func(*envoy.Conn)
		details           string
	}{
		"the filter closes it":           {woken: func(c *envoy.Conn) { c.Close("own", api.FlushWrite) }, details: "own"},
		"the filter closes it at once":   {unresolved: func(c *envoy.Conn) { c.Close("own", api.FlushWrite) }, details: "own"},
		"the filter forgets it":          {woken: func(*envoy.Conn) {}, details: "panic"},
		"the filter panics":              {woken: func(*envoy.Conn) { panic("forced") }, details: "panic"},
		"the filter panics at the start": {unresolved: func(*envoy.Conn) { panic("forced") }, details: "panic"},
	} {
		t.Run(name, func(t *testing.T) {
			config := start(t, &script{make: reports, unresolved: tt.unresolved, woken: tt.woken})
			conn := config.AcceptBehind()
			conn.Append([]byte("x"))
			if got := conn.Read(false); got != abitest.Stop {
				t.Errorf("the read hook returned %d, want %d: stop", got, abitest.Stop)
			}
			conn.Wake()
			if details, closed := conn.Closed(); details != tt.details || !closed {
				t.Errorf("closed %v with details %q, want %q", closed, details, tt.details)
			}
			conn.End()
			config.End()
			wantNothingLeft(t)
		})
	}
}

// The look-up ends while the connection does, on another thread.
func TestWakingWhatEnds(t *testing.T) {
	for range 200 {
		var wakers sync.WaitGroup
		config := start(t, &script{make: reports,
			unresolved: func(c *envoy.Conn) { wakers.Go(c.Waker()) },
			woken:      func(c *envoy.Conn) { c.Close("own", api.NoFlush) }})
		conn := config.AcceptBehind()
		conn.Event(abitest.RemoteClose)
		conn.Wake()
		conn.End()
		wakers.Wait()
		config.End()
		wantNothingLeft(t)
	}
}
