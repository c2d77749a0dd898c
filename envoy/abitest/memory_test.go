package abitest_test

import (
	"fmt"
	"testing"

	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"

	"wildcard-egress/envoy"
	"wildcard-egress/envoy/abitest"
)

func (s *script) OnShed(conn *envoy.Conn) { on(s.shed, conn) }

// No more than so many connections may be; what is there stays.
func TestConnectionsBeyondWhatMemoryHasAreClosed(t *testing.T) {
	config := start(t, &script{data: entering(envoy.Allowance{Party: t.Name()})})
	defer envoy.LimitConnections(-1)
	var live []*abitest.Conn
	for range 5 {
		conn, _ := try(config)
		live = append(live, conn)
	}
	if n := envoy.Connections(); n != 5 {
		t.Errorf("%d connections, want 5", n)
	}
	envoy.LimitConnections(5)
	over, details := try(config)
	if details != "too_little_memory" {
		t.Errorf("the sixth connection is closed with %q", details)
	}
	over.End()
	live[0].End()
	again, details := try(config)
	if details != "" {
		t.Errorf("a connection in the place of one that ended is closed with %q", details)
	}
	for _, conn := range append(live[1:], again) {
		if details, closed := conn.Closed(); closed {
			t.Errorf("one of those that were there is closed: %q", details)
		}
		conn.End()
	}
	if n := envoy.TakeUnwanted(); n != 1 {
		t.Errorf("%d were one too many, want 1", n)
	}
	config.End()
	wantNothingLeft(t)
}

// A probe is answered however full the gateway is.
func TestExemptConnectionsFindRoom(t *testing.T) {
	config := start(t, &script{
		make: func(host *envoy.Config) error { host.Exempt(); return nil },
		data: entering(envoy.Allowance{Party: t.Name()}),
	})
	defer envoy.LimitConnections(-1)
	envoy.LimitConnections(0)
	conn, details := try(config)
	if details != "" {
		t.Errorf("it is closed with %q", details)
	}
	conn.End()
	config.End()
	wantNothingLeft(t)
}

// Those of the caller who has most end, the newest first.
func TestShedEndsThoseOfWhoHasMost(t *testing.T) {
	caller := ""
	config := start(t, &script{
		data: func(conn *envoy.Conn, b []byte, end bool) api.FilterStatus {
			return entering(envoy.Allowance{Party: t.Name() + caller}, envoy.Allowance{Party: t.Name()})(conn, b, end)
		},
		shed: func(conn *envoy.Conn) { conn.Close("shed by the filter", api.NoFlush) },
	})
	live := map[string][]*abitest.Conn{}
	for i := range 30 {
		caller = "much"
		if i%10 == 0 {
			caller = "little"
		}
		conn, _ := try(config)
		live[caller] = append(live[caller], conn)
	}
	waiting := open(config)
	if n := envoy.Shed(7); n != 7 {
		t.Errorf("%d are shed, want 7", n)
	}
	ended := ""
	for _, conn := range live["much"] {
		conn.RunPosted()
		details, closed := conn.Closed()
		ended += fmt.Sprint(map[bool]int{true: 1}[closed && details == "shed by the filter"])
	}
	if want := "00000000000000000000" + "1111111"; ended != want {
		t.Errorf("ended are %s, want %s", ended, want)
	}
	for _, conn := range append(live["little"], waiting) {
		conn.RunPosted()
		if details, closed := conn.Closed(); closed {
			t.Errorf("a connection of who has few, or that waits, is closed: %q", details)
		}
	}
	for _, conn := range append(append(live["little"], live["much"]...), waiting) {
		conn.End()
	}
	config.End()
	wantNothingLeft(t)
}
