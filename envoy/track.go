package envoy

// #include "conn.h"
import "C"

import (
	"time"
	"unsafe"
)

// Revocations run on the workers, about 60 microseconds each, and Envoy runs
// all that are posted in one go. So a worker gets a few at a time, and the next
// ones only when it has run those: 5,000 connections a second.
const (
	revokeBatch = 16                   // at a time for each worker, about a millisecond
	revokePause = 2 * time.Millisecond // between batches: other connections' turn
	maxLabel    = 4096                 // bytes
)

// Track enters the connection among those that Revoke asks about. label is at
// most 4096 bytes. Call it before the hook returns Continue; false: no memory.
func (c *Conn) Track(label string) bool {
	return len(label) <= maxLabel && bool(C.conn_track(c.c, chars(label), C.size_t(len(label))))
}

// Revoke calls doomed with the label of each connection that is tracked and
// has the Factory of those for which it returns true close them, spread over
// time so that the workers do not stall. It asks again right before it closes
// one, since the answer may have changed meanwhile. label is valid only during
// the call. It returns how many were closed. One goroutine at a time, not a hook.
func Revoke(doomed func(label []byte) bool) (closed int) {
	r := revocation{doomed: doomed, queues: map[C.uint32_t][]C.struct_tracked{}}
	for slot := range C.track_capacity() {
		if t, ok := r.ask(slot); ok {
			r.queues[t.worker] = append(r.queues[t.worker], t)
		}
	}
	for len(r.queues) > 0 {
		for worker := range r.queues {
			closed += r.closeSome(worker)
		}
		time.Sleep(revokePause)
	}
	return closed
}

type revocation struct {
	doomed func(label []byte) bool
	queues map[C.uint32_t][]C.struct_tracked // by worker
	text   [maxLabel]byte
}

// ask says whether there is a connection in the slot that is doomed.
func (r *revocation) ask(slot C.size_t) (t C.struct_tracked, ok bool) {
	found := bool(C.track_read(slot, (*C.char)(unsafe.Pointer(&r.text[0])), C.size_t(len(r.text)), &t))
	return t, found && r.doomed(r.text[:t.length])
}

func (r *revocation) closeSome(worker C.uint32_t) (closed int) {
	if C.track_outstanding(worker) > 0 {
		return 0
	}
	queue := r.queues[worker]
	for len(queue) > 0 && closed < revokeBatch {
		now, ok := r.ask(queue[0].slot)
		if ok && now.id == queue[0].id && bool(C.track_revoke(now.slot, now.id)) {
			closed++
		}
		queue = queue[1:]
	}
	if r.queues[worker] = queue; len(queue) == 0 {
		delete(r.queues, worker)
	}
	return closed
}
