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

// Revoker is a Factory whose filters call Conn.Track.
type Revoker interface {
	// OnRevoke must close a connection that it let through. The Conn is only
	// for this call; the connection has no filter any more.
	OnRevoke(*Conn)
}

// Deadliner is a filter that wants to end a connection whose decision takes
// longer than Config.SetLimits allows. A filter without it is closed with
// the details "timeout".
type Deadliner interface {
	// OnDeadline must close the connection.
	OnDeadline()
}

// NewFactory makes a Factory of a filter_name and its filter_config: JSON for a Struct, the content
// of a StringValue or BytesValue, else the serialized message. Envoy calls it
// on its main thread. An error refuses the configuration.
type NewFactory func(config *Config, filterName string, filterConfig []byte) (Factory, error)

var newFactory NewFactory

// Register sets what makes the factories. Call it once, in main's init.
func Register(f NewFactory) { newFactory = f }

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

// logEnabled says whether Log would write lines of this level. Any thread.
func logEnabled(level Level) bool { return bool(C.host_log_enabled(C.uint(level))) }
