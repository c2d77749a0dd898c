package envoy

// #include "conn.h"
import "C"

import "strings"

// Failure is how a connection that was let through failed.
type Failure uint32

// The failures that Envoy tells of.
const (
	NoRoom         Failure = C.OUTCOME_NO_ROOM // no room for one more name or look-up in Envoy's DNS cache
	ConnectRefused Failure = C.OUTCOME_CONNECT_REFUSED
	ConnectTimeout Failure = C.OUTCOME_CONNECT_TIMEOUT
	ConnectFailed  Failure = C.OUTCOME_CONNECT_FAILED
	Reset          Failure = C.OUTCOME_RESET    // by the upstream
	Overflow       Failure = C.OUTCOME_OVERFLOW // no more connections to upstreams
)

// OutcomeFilter is a filter that stands behind sni_dynamic_forward_proxy, in a
// configuration with Config.ReportOutcomes. It is made for a connection that
// fails, and for no other.
type OutcomeFilter interface {
	// OnUnresolved hears that the look-up ended without an address. It may close
	// the connection at once, or after Conn.Waker has woken it.
	OnUnresolved()
	// OnWoken follows on the worker. It must close the connection.
	OnWoken()
	// OnFailed hears how the connection ended: it can be said, and no more.
	OnFailed(Failure)
}

// ReportOutcomes has the filters of this configuration be OutcomeFilters. It is
// possible only in NewFactory.
func (c *Config) ReportOutcomes() { c.c.outcome = true }

// Text is the filter state of plain text that this or another filter has set;
// empty: there is none.
func (c *Conn) Text(key string) string {
	return strings.Clone(text(C.conn_text(c.c, chars(key), C.size_t(len(key)))))
}

// Waker returns what must be called once, on any thread: the filter is woken
// unless its connection has ended by then.
func (c *Conn) Waker() func() {
	waker := C.conn_waker(c.c)
	return func() { C.conn_wake(waker) }
}

//export goUnresolved
func goUnresolved(c *C.struct_conn) {
	defer barrier("unresolved", func() { C.conn_panicked(c) })
	outcome(c, OutcomeFilter.OnUnresolved)
}

//export goWoken
func goWoken(c *C.struct_conn) {
	defer barrier("woken", func() { C.conn_panicked(c) })
	outcome(c, OutcomeFilter.OnWoken)
	if c.state == C.CONN_WAITING {
		C.conn_panicked(c)
	}
}

//export goFailed
func goFailed(c *C.struct_conn, failure C.uint) {
	defer barrier("failed", func() { C.conn_panicked(c) })
	outcome(c, func(f OutcomeFilter) { f.OnFailed(Failure(failure)) })
}

// outcome calls the filter. A factory that makes others is a bug, and fails closed.
func outcome(c *C.struct_conn, call func(OutcomeFilter)) {
	conn := connOf(c)
	defer conn.releaseIfDecided()
	call(conn.filter.(OutcomeFilter))
}
