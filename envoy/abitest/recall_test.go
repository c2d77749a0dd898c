package abitest_test

import (
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"

	"wildcard-egress/envoy"
	"wildcard-egress/envoy/abitest"
	"wildcard-egress/filter/clienthello/hellotest"
)

// A refused connection leaves its name behind; the next one often gets its
// address. Debug logging, which turns recalling off, came between the two.
func TestDecisionIsRecalledForItsOwnNameOnly(t *testing.T) {
	asked := 0
	s := &script{
		make: func(host *envoy.Config) error {
			host.RecallDecisions(16, counterOther, counterOther)
			host.SetLimits(envoy.Limits{MaxHelloBytes: 16384})
			return nil
		},
		data: func(conn *envoy.Conn, b []byte, _ bool) api.FilterStatus {
			asked++
			if string(b) == string(helloOf("denied.test")) {
				conn.Close("no_rule", api.NoFlush)
				return api.NetworkFilterStopIteration
			}
			conn.SetFilterState("host", "allowed.test")
			conn.SetText("decision", "allow")
			conn.Remember()
			return api.NetworkFilterContinue
		},
	}
	config := start(t, s)
	ask := func(name string) (status int, state string) {
		conn := open(config)
		defer conn.End()
		conn.Append(helloOf(name))
		return conn.Read(false), conn.State()
	}
	for range 20 { // the allocator keeps the first few addresses to itself
		ask("denied.test")
	}
	abitest.SetLogLevel(envoy.Debug)
	ask("allowed.test")
	abitest.SetLogLevel(envoy.Info)
	if status, state := ask("denied.test"); status != abitest.Stop {
		t.Errorf("denied.test went on, with filter state %q", state)
	}
	ask("allowed.test")
	before := asked
	if status, state := ask("allowed.test"); status != abitest.Continue || state != "host=allowed.test,decision=allow," || asked != before {
		t.Errorf("allowed.test: status %d, state %q, asked the filter %d times; want it recalled", status, state, asked-before)
	}
	config.End()
	wantNothingLeft(t)
}

// FuzzRecalledCaller: a decision is recalled for the same caller and port of the
// PROXY header only, and never from elsewhere than loopback.
func FuzzRecalledCaller(f *testing.F) {
	const id = "spiffe://td/ns/x/sa/y"
	f.Add(id, id, uint16(443), uint16(443), false)
	f.Add(id, id, uint16(443), uint16(8443), false)
	f.Add(id, id[:len(id)-1]+"z", uint16(443), uint16(443), false)
	f.Add(id, id+"z", uint16(443), uint16(443), false)
	f.Add("", id, uint16(443), uint16(443), false)
	f.Add(id, id, uint16(443), uint16(443), true)
	f.Add(id+"\x01", id, uint16(0x0101), uint16(1), false)
	f.Fuzz(func(t *testing.T, first, second string, firstPort, secondPort uint16, elsewhere bool) {
		if strings.ContainsRune(first+second, 0) || len(first) > 2048 || len(second) > 2048 {
			return // the fake's texts end with NUL; longer names are never recalled
		}
		s := &script{
			make: func(host *envoy.Config) error {
				host.TakeCallersFromProxyProtocol()
				host.RecallDecisions(16, counterOther, counterOther)
				host.SetLimits(envoy.Limits{MaxHelloBytes: 16384})
				return nil
			},
			data: func(conn *envoy.Conn, _ []byte, _ bool) api.FilterStatus {
				conn.SetText("caller", conn.ProxyIdentity()+" "+strconv.Itoa(int(conn.DestinationPort())))
				conn.Remember()
				return api.NetworkFilterContinue
			},
		}
		config := start(t, s)
		ask := func(identity string, port uint16, elsewhere bool) {
			conn := open(config)
			conn.Proxied(identity, port)
			if elsewhere {
				conn.ComeFromElsewhere()
			}
			conn.Append(helloOf("allowed.test"))
			conn.Read(false)
			conn.End()
		}
		ask(first, firstPort, false)
		before := s.entered.Load()
		ask(second, secondPort, elsewhere)
		recalled := s.entered.Load() == before
		if same := first == second && firstPort == secondPort; recalled != (same && !elsewhere) {
			t.Errorf("recalled %v for %q:%d after %q:%d, elsewhere %v", recalled, second, secondPort, first, firstPort, elsewhere)
		}
		config.End()
		wantNothingLeft(t)
	})
}

func helloOf(name string) []byte { return hellotest.Whole(hellotest.Curl(name).Message()) }

// A configuration that a newer one has replaced keeps its policy alone, also
// while its last connections are decided.
func TestNothingIsKeptOnceRecallingHasStopped(t *testing.T) {
	var asked atomic.Int64
	s := &script{
		make: func(host *envoy.Config) error {
			host.RecallDecisions(16, counterOther, counterOther)
			host.SetLimits(envoy.Limits{MaxHelloBytes: 16384})
			return nil
		},
		data: func(conn *envoy.Conn, _ []byte, _ bool) api.FilterStatus {
			asked.Add(1)
			conn.SetText("decision", "allow")
			conn.Remember()
			return api.NetworkFilterContinue
		},
	}
	config := start(t, s)
	ask := func() {
		conn := open(config)
		defer conn.End()
		conn.Append(helloOf("allowed.test"))
		conn.Read(false)
	}
	ask()
	ask()
	if n := asked.Load(); n != 1 {
		t.Fatalf("asked %d times before, want once", n)
	}
	var stopping sync.WaitGroup
	stopping.Go(s.host.StopRecalling)
	for range 100 {
		ask()
	}
	stopping.Wait()
	before := asked.Load()
	ask()
	ask()
	if n := asked.Load(); n != before+2 {
		t.Errorf("asked %d times for two connections after it", n-before)
	}
	config.End()
	wantNothingLeft(t)
}
