package envoy

// #include "hello.h"
// #include "recall.h"
import "C"

import (
	"runtime"
	"strings"
	"unsafe"
)

// effects are what a filter did to let its connection through.
type effects struct {
	remember      bool
	states, texts []string
	counters      []C.uint32_t
	allowances    []C.struct_allowance
}

// Remember says that the decision depends on nothing but the server name as
// sent, whether there is ECH, what Config.SetLimits tells of, and the caller: the
// URI SANs (without any, the source address) and the outer server name, or with
// Config.TakeCallersFromProxyProtocol the identity and the port of the PROXY
// header. Connections with the same may go the same way without asking the filter,
// while all for whom Enter counted this one have room. It concerns a connection
// that is let through.
func (c *Conn) Remember() { c.effects.remember = true }

// storeEffects keeps them if the filter said so.
func (c *Conn) storeEffects() {
	e := &c.effects
	if !e.remember {
		return
	}
	pairs := append(e.states, e.texts...)
	lengths := make([]C.uint32_t, len(pairs))
	for i, s := range pairs {
		lengths[i] = C.uint32_t(len(s))
	}
	bytes := strings.Join(pairs, "")
	kept := C.struct_effects{
		states: C.uint32_t(len(e.states) / 2), texts: C.uint32_t(len(e.texts) / 2), counters: C.uint32_t(len(e.counters)),
		bytes_length: C.uint32_t(len(bytes)), duration_ns: c.c.duration_ns,
	}
	kept.parties = C.size_t(copy(kept.allowances[:], e.allowances))
	var pinned runtime.Pinner
	defer pinned.Unpin()
	kept.bytes, kept.lengths, kept.counter = pin(&pinned, chars(bytes)), pin(&pinned, first(lengths)), pin(&pinned, first(e.counters))
	C.recall_put(c.c, &kept)
}

// pin lets C have a pointer within a struct for the call.
func pin[T any](pinned *runtime.Pinner, p *T) *T {
	if p != nil {
		pinned.Pin(p)
	}
	return p
}

func first(numbers []C.uint32_t) *C.uint32_t { return unsafe.SliceData(numbers) }

// readHello is the C reader of hellos, for the fuzz test that holds it
// against package clienthello.
func readHello(hello []byte, maxBytes int) (name string, ech, ok bool) {
	var h C.struct_hello
	if !C.hello_read((*C.uint8_t)(unsafe.SliceData(hello)), C.size_t(len(hello)), C.size_t(maxBytes), &h) {
		return "", false, false
	}
	return C.GoStringN((*C.char)(unsafe.Pointer(h.name)), C.int(h.name_length)), bool(h.ech), true
}

// StopRecalling frees the decisions that the configuration keeps, and has it keep
// no more: for one that gets no new connections. Any thread; nothing happens once
// the configuration has ended.
func (c *Config) StopRecalling() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		C.recall_stop(c.c)
	}
}
