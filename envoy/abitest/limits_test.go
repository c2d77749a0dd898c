package abitest_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"

	"wildcard-egress/envoy"
	"wildcard-egress/envoy/abitest"
)

// entering is a filter that counts its connections for these and lets through
// what has room.
func entering(allowances ...envoy.Allowance) func(*envoy.Conn, []byte, bool) api.FilterStatus {
	return func(conn *envoy.Conn, _ []byte, _ bool) api.FilterStatus {
		if room, party := conn.Enter(allowances); room != envoy.WithinLimits {
			conn.Close(fmt.Sprint("full ", room, " ", party), api.NoFlush)
			return api.NetworkFilterStopIteration
		}
		conn.Remember()
		return api.NetworkFilterContinue
	}
}

// try opens a connection that says hello; details are why it was closed.
func try(config *abitest.Config) (conn *abitest.Conn, details string) {
	conn = open(config)
	conn.Append(helloOf("allowed.test"))
	conn.Read(false)
	details, _ = conn.Closed()
	return conn, details
}

// The same must hold with every decision recalled and with none.
func TestLimitsHoldForEachParty(t *testing.T) {
	const many = 50
	for name, tt := range map[string]struct {
		allowances []envoy.Allowance
		open       int // of how many, one after another
		details    string
	}{
		"no limit":              {allowances: []envoy.Allowance{{Party: "a"}}, open: many},
		"connections":           {allowances: []envoy.Allowance{{Party: "a", Connections: 7}}, open: 7, details: "full 1 0"},
		"new connections":       {allowances: []envoy.Allowance{{Party: "a", PerSecond: 5}}, open: 5, details: "full 2 0"},
		"of the second party":   {allowances: []envoy.Allowance{{Party: "a", Connections: 9}, {Party: "b", Connections: 3}}, open: 3, details: "full 1 1"},
		"of the fourth party":   {allowances: []envoy.Allowance{{Party: "a"}, {Party: "b"}, {Party: "c"}, {Party: "d", PerSecond: 2}}, open: 2, details: "full 2 3"},
		"a share while crowded": {allowances: []envoy.Allowance{{Party: "a", Crowd: 10, Share: 4}, {Party: "all"}}, open: 10, details: "full 1 0"},
		"less than a share":     {allowances: []envoy.Allowance{{Party: "a", Crowd: 10, Share: many + 2}, {Party: "all"}}, open: many},
	} {
		for _, slots := range []int{0, 16} {
			t.Run(fmt.Sprintf("%s, recalling %d", name, slots), func(t *testing.T) {
				own := slices.Clone(tt.allowances) // the rates of others are not rested yet
				for i := range own {
					own[i].Party += t.Name()
				}
				s := &script{data: entering(own...), make: recalling(slots)}
				config := start(t, s)
				var live []*abitest.Conn
				begin, details := time.Now(), ""
				for details == "" && len(live) <= tt.open+roomSince(begin, own) {
					var conn *abitest.Conn
					conn, details = try(config)
					live = append(live, conn)
				}
				if n := len(live) - 1; details != tt.details || n < tt.open {
					t.Errorf("connection %d closed with %q, want %q for that behind %d", n, details, tt.details, tt.open)
				}
				for _, conn := range live {
					conn.End()
				}
				config.End()
				wantNothingLeft(t)
			})
		}
	}
}

// roomSince is what rates have given again: on a loaded machine that is some.
func roomSince(begin time.Time, allowances []envoy.Allowance) (n int) {
	for _, a := range allowances {
		n += int(float64(a.PerSecond) * time.Since(begin).Seconds())
	}
	return n
}

func recalling(slots int) func(*envoy.Config) error {
	return func(host *envoy.Config) error {
		host.RecallDecisions(slots, counterOther, counterOther)
		host.SetLimits(envoy.Limits{MaxHelloBytes: 16384})
		return nil
	}
}

// Room that an ended connection had can be had again, however it ended, and
// whatever else was decided meanwhile.
func TestRoomComesBack(t *testing.T) {
	s := &script{data: entering(envoy.Allowance{Party: "a", Connections: 1}, envoy.Allowance{Party: "b", Connections: 1}), make: recalling(16)}
	config := start(t, s)
	before := envoy.Parties() // those whose rates are not rested yet
	for i := range 100 {
		conn, details := try(config)
		if details != "" {
			t.Fatalf("connection %d closed with %q, want it open: the one before has ended", i, details)
		}
		over, details := try(config)
		if details != "full 1 0" {
			t.Fatalf("a second connection beside %d: closed with %q, want full", i, details)
		}
		over.End()
		if i%2 == 0 {
			conn.Event(abitest.RemoteClose)
		}
		conn.End()
	}
	config.End()
	wantNothingLeft(t)
	if n := envoy.Parties(); n > before {
		t.Errorf("%d parties are counted, though none has a connection; before there were %d", n, before)
	}
}

// Never is there one connection too many, and in the end there is none.
func TestLimitsAreExactWhileConnectionsRaceTheirEnds(t *testing.T) {
	const limit = 5
	var live, most, refused atomic.Int64
	enter := entering(envoy.Allowance{Party: "raced", Connections: limit})
	s := &script{data: func(conn *envoy.Conn, b []byte, end bool) api.FilterStatus {
		status := enter(conn, b, end)
		if status != api.NetworkFilterContinue {
			refused.Add(1)
		}
		return status
	}}
	config := start(t, s)
	var mu sync.Mutex
	counted := map[*abitest.Conn]bool{}
	work(config, func(_ *rand.Rand, conn *abitest.Conn) {
		mu.Lock()
		defer mu.Unlock()
		if _, closed := conn.Closed(); closed || counted[conn] {
			return
		}
		conn.Append([]byte("x"))
		if conn.Read(false) == abitest.Continue {
			counted[conn] = true
			most.Store(max(most.Load(), live.Add(1)))
		}
	})
	config.End()
	wantNothingLeft(t)
	if refused.Load() == 0 {
		t.Error("none was refused: the limit was not reached")
	}
	again := start(t, &script{data: enter})
	var open []*abitest.Conn
	for details := ""; details == "" && len(open) <= limit; {
		var conn *abitest.Conn
		conn, details = try(again)
		open = append(open, conn)
	}
	if len(open) != limit+1 {
		t.Errorf("%d connections found room after all had ended, want %d", len(open)-1, limit)
	}
	for _, c := range open {
		c.End()
	}
	again.End()
	wantNothingLeft(t)
}

// 100,000 callers at once take little memory, and none when they have gone.
func TestManyPartiesAreForgotten(t *testing.T) {
	const many = 100_000
	n := 0
	s := &script{data: func(conn *envoy.Conn, b []byte, end bool) api.FilterStatus {
		n++
		return entering(envoy.Allowance{Party: fmt.Sprint("caller ", n), Connections: 1})(conn, b, end)
	}}
	config := start(t, s)
	before := envoy.Parties()
	live := make([]*abitest.Conn, many)
	for i := range live {
		live[i] = open(config)
		live[i].Append([]byte("x"))
		live[i].Read(false)
	}
	if got := envoy.Parties(); got < many || got > before+many {
		t.Errorf("%d parties are counted, want %d", got, many)
	}
	for _, conn := range live {
		conn.End()
	}
	if got := envoy.Parties(); got > before {
		t.Errorf("%d parties are counted after all have ended, want none", got)
	}
	config.End()
	wantNothingLeft(t)
}

// It ends its time after the decision, however busy it is.
func TestConnectionLastsAsLongAsItMay(t *testing.T) {
	for _, slots := range []int{0, 16} {
		s := &script{make: recalling(slots), data: func(conn *envoy.Conn, _ []byte, _ bool) api.FilterStatus {
			conn.LastAtMost(30 * time.Millisecond)
			conn.Remember()
			return api.NetworkFilterContinue
		}}
		config := start(t, s)
		for range 2 { // the second one is recalled
			conn, _ := try(config)
			until(t, "its end is posted", func() bool { return conn.Posted() > 0 })
			conn.RunPosted()
			if details, _ := conn.Closed(); details != "duration" {
				t.Errorf("closed with %q, want duration", details)
			}
			conn.End()
			left, _ := try(config)
			left.Event(abitest.RemoteClose) // before its time
			left.End()
		}
		config.End()
		wantNothingLeft(t)
	}
}

// What is recalled for a while only is asked again behind it.
func TestDecisionIsAskedAgainAfterAWhile(t *testing.T) {
	s := &script{data: entering(envoy.Allowance{Party: "a"}), make: func(host *envoy.Config) error {
		host.RecallDecisions(16, counterOther, counterOther)
		host.SetLimits(envoy.Limits{MaxHelloBytes: 16384, RecallFor: 50 * time.Millisecond})
		return nil
	}}
	config := start(t, s)
	until(t, "the filter is asked a third time", func() bool {
		conn, _ := try(config)
		conn.End()
		return s.entered.Load() >= 3
	})
	config.End()
	wantNothingLeft(t)
}
