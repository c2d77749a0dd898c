// Package abitest drives the hooks of package envoy as Envoy does, in a process
// of its own: so that faults can be forced, orders of events tried that a real
// Envoy rarely has, and all of it run under the sanitizers. Package envoy
// cannot have such tests: `go test` knows no cgo, and its callbacks are Envoy's.
package abitest

// #include <stdlib.h>
// #include "host.h"
import "C"

import (
	"unsafe"

	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"

	"wildcard-egress/envoy"
)

// Stop and Continue are what a hook may return to Envoy.
const (
	Stop     = C.STATUS_STOP_ITERATION
	Continue = C.STATUS_CONTINUE
)

// Events of a connection, as Envoy numbers them.
const (
	RemoteClose = C.EVENT_REMOTE_CLOSE
	LocalClose  = C.EVENT_LOCAL_CLOSE
	Connected   = C.EVENT_CONNECTED
)

// SetLogLevel is Envoy's log level; Info at first.
func SetLogLevel(level envoy.Level) { C.host_set_log_level(C.uint(level)) }

// LogLines is how often the module has logged.
func LogLines() int { return int(C.host_log_lines()) }

// Config is one filter_config in the fake Envoy.
type Config struct{ c *C.struct_host_config }

// NewConfig has the module make a configuration; nil: it refused.
func NewConfig(text string) *Config {
	b := C.CString(text)
	defer C.free(unsafe.Pointer(b))
	if c := C.host_config_new(b, C.size_t(len(text))); c != nil {
		return &Config{c}
	}
	return nil
}

// End drops the listener's reference: the configuration ends with its last
// connection. It must not be used any more.
func (c *Config) End() { C.host_config_end(c.c) }

// RunPosted runs what waits for the main thread.
func (c *Config) RunPosted() { C.host_config_run_posted(c.c) }

// LoseHandle takes the Go side away, as a bug of package envoy would.
func (c *Config) LoseHandle() { C.host_config_lose_handle(c.c) }

// Count is the value of the counter that was defined as the n-th.
func (c *Config) Count(n int) int { return int(C.host_config_count(c.c, C.size_t(n))) }

// Recorded is how many values came into histograms.
func (c *Config) Recorded() int { return int(C.host_config_recorded(c.c)) }

// Conn is one connection in the fake Envoy. Its worker is whoever calls.
type Conn struct{ c *C.struct_host_conn }

// Accept makes a connection, up to the new_connection hook.
func (c *Config) Accept() *Conn { return &Conn{C.host_conn_new(c.c)} }

// AcceptBehind is Accept for a filter that others stand before: it hears of the
// connection when they let it through.
func (c *Config) AcceptBehind() *Conn { return &Conn{C.host_conn_new_behind(c.c)} }

// Listener has a listener with the module's listener filter until it is called.
func Listener() (end func()) {
	C.host_arrivals(1)
	return func() { C.host_arrivals(-1) }
}

// Arrival is one connection among the filters of a Listener.
type Arrival struct{ a *C.struct_host_arrival }

// Arrive has a Listener accept a connection.
func Arrive() Arrival { return Arrival{C.host_arrive()} }

// End ends the connection where it is. It must not be used any more.
func (a Arrival) End() { C.host_arrival_end(a.a) }

// HasLine says whether it would have a line in the access log if it ended now.
func (a Arrival) HasLine() bool { return a.a.numbers.line_left_out == 0 }

// LinesLeftOut is what that line would say of others.
func (a Arrival) LinesLeftOut() int { return int(a.a.numbers.lines_left_out) }

// AcceptFrom makes a connection of an arrival, which must not be used any more.
func (c *Config) AcceptFrom(a Arrival) *Conn { return &Conn{C.host_conn_of(c.c, a.a)} }

// HasLine says whether the connection would have a line in the access log now.
func (c *Conn) HasLine() bool { return c.c.numbers.line_left_out == 0 }

// LinesLeftOut is what that line would say of others.
func (c *Conn) LinesLeftOut() int { return int(c.c.numbers.lines_left_out) }

// Wake is the scheduled hook for what Conn.Waker has posted.
func (c *Conn) Wake() { c.Scheduled(wake) }

const wake = 3 // SCHEDULED_WAKE of conn.h

// LoseHandle leaves the connection a handle that is none, as a bug of package
// envoy would. Its Go side leaks.
func (c *Conn) LoseHandle() { C.host_conn_lose_handle(c.c) }

// Proxied gives the connection what a PROXY header names.
func (c *Conn) Proxied(identity string, port uint16) {
	C.host_conn_proxied(c.c, C.CString(identity), C.uint32_t(port))
}

// ComeFromElsewhere has the connection's peer not be on loopback.
func (c *Conn) ComeFromElsewhere() { c.c.elsewhere = true }

// Append puts a chunk of its own behind what is in the read buffer.
func (c *Conn) Append(b []byte) {
	C.host_conn_append(c.c, (*C.char)(unsafe.Pointer(unsafe.SliceData(b))), C.size_t(len(b)))
}

// Read is the read hook on all that is in the buffer. Continue empties it.
func (c *Conn) Read(endStream bool) int { return int(C.host_conn_read(c.c, C.bool(endStream))) }

// Event is the event hook.
func (c *Conn) Event(event uint) { C.host_conn_event(c.c, C.uint(event)) }

// Scheduled is the scheduled hook, as if it had been posted.
func (c *Conn) Scheduled(id uint64) { C.host_conn_scheduled(c.c, C.uint64_t(id)) }

// RunPosted runs what waits for the connection's worker.
func (c *Conn) RunPosted() { C.host_conn_run_posted(c.c) }

// Posted says how many deadlines and revocations wait for the worker.
func (c *Conn) Posted() int {
	n := 0
	for id := range C.size_t(C.EVENT_IDS) {
		n += int(C.host_conn_posted(c.c, id))
	}
	return n
}

// End drops the worker's reference: what still works on the connection has the
// last one. It must not be used any more.
func (c *Conn) End() { C.host_conn_end(c.c) }

// Closed are the details of its end; ok: it has ended.
func (c *Conn) Closed() (details string, ok bool) {
	return C.GoString(&c.c.details[0]), bool(c.c.closed)
}

// CloseType is how the module closed it.
func (c *Conn) CloseType() api.ConnectionCloseType { return api.ConnectionCloseType(c.c.close_type) }

// Written is how many bytes the module wrote to the client.
func (c *Conn) Written() int { return int(c.c.written) }

// ReadDisabled is how often reading is disabled; tcp_proxy did it once.
func (c *Conn) ReadDisabled() int { return int(c.c.read_disabled) }

// State is the filter state, as key=value with a comma behind each.
func (c *Conn) State() string { return C.GoString(&c.c.state[0]) }

// Live is how many filters and configurations have not ended.
func Live() (filters, configs int) { return int(C.host_live_filters()), int(C.host_live_configs()) }

// LateCommits is how often, since it was asked, the module scheduled something at a worker that may have
// been gone: it had told the module that the connection has ended.
func LateCommits() int { return int(C.host_late_commits()) }
