package envoy

// #include "conn.h"
import "C"

import (
	"errors"
	"fmt"
	"runtime/cgo"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"unsafe"

	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"
)

// An export is barrier, lookup, call. A panic that crosses cgo ends Envoy, so
// the barrier is each export's first statement; onPanic fails closed, and comes
// before all that is of less importance.
func barrier(hook string, onPanic func()) {
	if r := recover(); r != nil {
		onPanic()
		logPanic(hook, r, debug.Stack())
	}
}

// A client that can cause a panic must not fill the disk with its stack.
const (
	panicsLogged = 100  // all of the first ones
	panicsSample = 1000 // then one of so many
)

var panics atomic.Uint64

func logPanic(hook string, recovered any, stack []byte) {
	if n := panics.Add(1); n <= panicsLogged || n%panicsSample == 0 {
		Log(Error, fmt.Sprintf("wildcard_egress: panic %d, in %s, failing closed: %v\n%s", n, hook, recovered, stack))
	}
}

//export goConfigNew
func goConfigNew(c *C.struct_config, name, config C.envoy_buffer) (ok C.bool) {
	defer barrier("config_new", func() { ok = false })
	if err := newConfig(c, strings.Clone(text(name)), borrow(config)); err != nil {
		Log(Error, "wildcard_egress: configuration refused: "+err.Error())
		return false
	}
	return true
}

func newConfig(c *C.struct_config, filterName string, filterConfig []byte) error {
	if lacking := C.host_lacks(); lacking != nil {
		return fmt.Errorf("this Envoy lacks the callback %s; use Envoy 1.39 or newer", C.GoString(lacking))
	}
	if newFactory == nil {
		return errors.New("no filter is registered; the module's main must call envoy.Register")
	}
	config := &Config{c: c}
	config.posted.L = &config.mu
	config.scheduler = C.config_scheduler_new(c)
	// Whatever happens, a panic included: when Envoy is refused, c is freed.
	defer func() {
		if c.handle == 0 {
			config.end()
		}
	}()
	factory, err := newFactory(config, filterName, filterConfig)
	if err != nil {
		return err
	}
	config.factory = factory
	c.handle = C.uintptr_t(cgo.NewHandle(config))
	return nil
}

//export goConfigDestroy
func goConfigDestroy(c *C.struct_config) {
	defer barrier("config_destroy", func() {})
	config := configOf(c)
	cgo.Handle(c.handle).Delete()
	config.end() // first: c is freed when this returns, however it does
	config.factory.Close()
}

//export goConfigScheduled
func goConfigScheduled(c *C.struct_config) {
	defer barrier("config_scheduled", func() {})
	for _, task := range configOf(c).takeTasks() {
		runTask(task)
	}
}

// runTask has a barrier of its own: the other tasks are not to blame.
func runTask(task func()) {
	defer barrier("config_scheduled", func() {})
	task()
}

//export goRead
func goRead(c *C.struct_conn, endStream C.bool) {
	defer barrier("read", func() { C.conn_panicked(c) })
	conn := connOf(c)
	defer conn.releaseIfDecided()
	chunks := conn.newChunks()
	if len(chunks) == 0 {
		chunks = append(chunks, nil)
	}
	for i, chunk := range chunks {
		if !conn.open() {
			return
		}
		status := conn.filter.OnData(chunk, bool(endStream) && i == len(chunks)-1)
		if status == api.NetworkFilterContinue && conn.open() {
			conn.storeEffects()
			C.conn_forward(c)
			return
		}
	}
}

//export goEvent
func goEvent(c *C.struct_conn, event C.uint) {
	defer barrier("event", func() { C.conn_panicked(c) })
	conn := connOf(c)
	defer conn.releaseIfDecided()
	conn.filter.OnEvent(api.ConnectionEvent(event))
}

//export goDeadline
func goDeadline(c *C.struct_conn) {
	defer barrier("deadline", func() { C.conn_panicked(c) })
	conn := connOf(c)
	defer conn.releaseIfDecided()
	if d, ok := conn.filter.(Deadliner); ok {
		d.OnDeadline()
	}
	if conn.open() {
		conn.Close("timeout", api.NoFlush)
	}
}

//export goRevoke
func goRevoke(c *C.struct_conn) {
	defer barrier("revoke", func() { C.conn_panicked(c) })
	conn := &Conn{c: c}
	if r, ok := configOf(c.config).factory.(Revoker); ok {
		r.OnRevoke(conn)
	}
	if c.state != C.CONN_CLOSED {
		conn.Close("revoked", api.NoFlush)
	}
}

//export goDuration
func goDuration(c *C.struct_conn) {
	defer barrier("duration", func() { C.conn_panicked(c) })
	conn := &Conn{c: c}
	if e, ok := configOf(c.config).factory.(Expirer); ok {
		e.OnExpire(conn)
	}
	if c.state != C.CONN_CLOSED {
		conn.Close("duration", api.NoFlush)
	}
}

//export goShed
func goShed(c *C.struct_conn) {
	defer barrier("shed", func() { C.conn_panicked(c) })
	conn := &Conn{c: c}
	if s, ok := configOf(c.config).factory.(Shedder); ok {
		s.OnShed(conn)
	}
	if c.state != C.CONN_CLOSED {
		conn.Close("shed", api.NoFlush)
	}
}

//export goRelease
func goRelease(handle C.uintptr_t) {
	defer barrier("release", func() {})
	cgo.Handle(handle).Delete()
}

// borrow is the bytes of an Envoy buffer: valid until the hook returns.
func borrow(b C.envoy_buffer) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(b.ptr)), int(b.length))
}
