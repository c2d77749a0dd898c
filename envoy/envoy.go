// Package envoy hosts a Go network filter in Envoy as a dynamic module. It is
// the only cgo of the project and knows nothing of server names or rules.
//
// The host differs from a plain forwarding of Envoy's hooks where that makes
// the filter safer or cheaper:
//   - A filter is made when the first bytes of its connection arrive (or its
//     deadline passes), not before: silent connections cost no Go memory.
//   - OnData gets only bytes that it has not seen. It lives until its decision:
//     NetworkFilterContinue or Close. From then on all bytes stay in C, so
//     OnWrite is never called.
//   - OnEvent reports RemoteClose before the decision, nothing else.
//   - A panic in any hook closes the connection with the details "panic".
package envoy

// #include <stdlib.h>
// #include "conn.h"
import "C"

import (
	"fmt"
	"runtime/cgo"
	"time"
	"unsafe"

	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"
)

// Factory makes the filters of one filter_config.
type Factory interface {
	// NewFilter returns the filter of one connection. It runs on the
	// connection's worker, as do all hooks of that filter.
	NewFilter(*Conn) api.DownstreamFilter
	// Close ends the configuration: no connection uses it any more. Any thread.
	Close()
}

// Deadliner is a filter that wants to end a connection whose decision takes
// longer than Config.SetDeadline allows. A filter without it is closed with
// the details "timeout".
type Deadliner interface {
	// OnDeadline must close the connection.
	OnDeadline()
}

// NewFactory makes a Factory of a filter_config: JSON for a Struct, the content
// of a StringValue or BytesValue, else the serialized message. Envoy calls it
// on its main thread. An error refuses the configuration.
type NewFactory func(config *Config, filterConfig []byte) (Factory, error)

var newFactory NewFactory

// Register sets what makes the factories. Call it once, in main's init.
func Register(f NewFactory) { newFactory = f }

// Config is one filter_config in Envoy.
type Config struct {
	c       *C.struct_config
	factory Factory
}

// DefineCounters defines Envoy counters, which Conn.Count then names by their
// index. It is possible only in NewFactory, once. panicked is the index of the
// counter of connections closed by a panic.
func (c *Config) DefineCounters(names []string, panicked int) error {
	c.c.counters = (*C.size_t)(C.calloc(C.size_t(len(names)), C.sizeof_size_t))
	if c.c.counters == nil {
		return fmt.Errorf("no memory for %d counters", len(names))
	}
	for i, name := range names {
		if !C.config_define_counter(c.c, C.size_t(i), (*C.char)(unsafe.Pointer(unsafe.StringData(name))), C.size_t(len(name))) {
			return fmt.Errorf("counter %q: envoy does not define it", name)
		}
	}
	c.c.counter_count = C.size_t(len(names))
	c.c.panic_counter = C.size_t(panicked)
	return nil
}

// SetDeadline limits how long a connection may wait for its decision, from the
// end of the outer handshake (from accept where there is none). It concerns
// the connections that come. Zero is no limit. Any thread.
func (c *Config) SetDeadline(d time.Duration) {
	C.config_set_deadline(c.c, C.uint64_t(d.Nanoseconds()))
}

// Level is the level of a log line.
type Level uint32

// The levels of Envoy's log.
const (
	Debug Level = C.LOG_DEBUG
	Info  Level = C.LOG_INFO
	Warn  Level = C.LOG_WARN
	Error Level = C.LOG_ERROR
)

// Log writes a line to Envoy's log, id dynamic_modules. Any thread.
func Log(level Level, message string) {
	C.host_log(C.uint(level), (*C.char)(unsafe.Pointer(unsafe.StringData(message))), C.size_t(len(message)))
}

// LogEnabled says whether Log would write lines of this level. Any thread.
func LogEnabled(level Level) bool { return bool(C.host_log_enabled(C.uint(level))) }

func configOf(c *C.struct_config) *Config { return cgo.Handle(c.handle).Value().(*Config) }
