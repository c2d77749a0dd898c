package abitest_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"

	"wildcard-egress/envoy"
	"wildcard-egress/envoy/abitest"
)

// script is a factory and its filters: what a test wants to happen in each
// hook. What is nil does nothing, and stops.
type script struct {
	host *envoy.Config

	make      func(*envoy.Config) error
	newFilter func()
	open      func()
	data      func(conn *envoy.Conn, b []byte, end bool) api.FilterStatus
	event     func(*envoy.Conn)
	deadline  func(*envoy.Conn)
	revoke    func(*envoy.Conn)
	shed      func(*envoy.Conn)
	close     func()

	unresolved, woken func(*envoy.Conn)
	failed            func(*envoy.Conn)

	entered atomic.Int64 // calls of data
}

// counters are what each configuration defines.
const (
	counterPanic = iota
	counterOther
)

var current atomic.Pointer[script]

func init() {
	envoy.Register(func(host *envoy.Config, _ string, _ []byte) (envoy.Factory, error) {
		s := current.Load()
		s.host = host
		if err := errors.Join(host.DefineCounters([]string{"denied.panic", "other"}, counterPanic), host.MeasureWaits("waits")); err != nil {
			return nil, err
		}
		if s.make != nil {
			if err := s.make(host); err != nil {
				return nil, err
			}
		}
		return s, nil
	})
}

func (s *script) NewFilter(conn *envoy.Conn) api.DownstreamFilter {
	call(s.newFilter)
	return &filter{script: s, conn: conn}
}

func (s *script) OnRevoke(conn *envoy.Conn) { on(s.revoke, conn) }
func (s *script) Close()                    { call(s.close) }

type filter struct {
	api.EmptyDownstreamFilter
	script *script
	conn   *envoy.Conn
}

func (f *filter) OnNewConnection() api.FilterStatus {
	call(f.script.open)
	return api.NetworkFilterStopIteration
}

func (f *filter) OnData(b []byte, end bool) api.FilterStatus {
	f.script.entered.Add(1)
	if f.script.data == nil {
		return api.NetworkFilterStopIteration
	}
	return f.script.data(f.conn, b, end)
}

func (f *filter) OnEvent(api.ConnectionEvent) { on(f.script.event, f.conn) }
func (f *filter) OnDeadline()                 { on(f.script.deadline, f.conn) }
func (f *filter) OnUnresolved()               { on(f.script.unresolved, f.conn) }
func (f *filter) OnWoken()                    { on(f.script.woken, f.conn) }
func (f *filter) OnFailed(envoy.Failure)      { on(f.script.failed, f.conn) }

func call(f func()) {
	if f != nil {
		f()
	}
}

func on(f func(*envoy.Conn), conn *envoy.Conn) {
	if f != nil {
		f(conn)
	}
}

// start makes a configuration with the script.
func start(t testing.TB, s *script) *abitest.Config {
	t.Helper()
	current.Store(s)
	c := abitest.NewConfig("{}")
	if c == nil {
		t.Fatal("the module refused the configuration")
	}
	return c
}

// open is a connection whose outer handshake is done.
func open(c *abitest.Config) *abitest.Conn {
	conn := c.Accept()
	conn.Event(abitest.Connected)
	return conn
}

// until polls for a condition that other threads bring about.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// wantNothingLeft fails unless all that Envoy held has ended.
func wantNothingLeft(t testing.TB) {
	t.Helper()
	until(t, "no filter and no configuration lives", func() bool {
		filters, configs := abitest.Live()
		return filters == 0 && configs == 0
	})
	if n := abitest.LateCommits(); n > 0 {
		t.Errorf("%d times something was scheduled at a worker that may have been gone", n)
	}
}
