package envoy

// #include "conn.h"
import "C"

import (
	"time"
	"unsafe"
)

// Revocations run on the workers, about 45 microseconds each, and Envoy runs
// all that are posted in one go: so only a few are outstanding at a time.
const (
	revokeBatch = 32                   // outstanding for each worker
	revokePause = 4 * time.Millisecond // between batches: other connections' turn
	revokeWait  = time.Second          // for a batch to run; then on all the same
	maxLabel    = 4096                 // bytes
)

// Track enters the connection among those that Revoke asks about. label is at
// most 4096 bytes. Call it before the hook returns Continue; false: no memory.
func (c *Conn) Track(label string) bool {
	return len(label) <= maxLabel && bool(C.conn_track(c.c, chars(label), C.size_t(len(label))))
}

// Revoke calls doomed with the label of each connection that is tracked and
// has the Factory of those for which it returns true close them, spread over
// time so that the workers do not stall. label is valid only during the call.
// It returns how many were closed, when all are. Any goroutine, not a hook.
func Revoke(doomed func(label []byte) bool) int {
	queues := map[C.uint32_t][]C.struct_tracked{}
	var text [maxLabel]byte
	for slot := range C.track_capacity() {
		var t C.struct_tracked
		found := bool(C.track_read(slot, (*C.char)(unsafe.Pointer(&text[0])), C.size_t(len(text)), &t))
		if found && doomed(text[:t.length]) {
			queues[t.worker] = append(queues[t.worker], t)
		}
	}
	closed := 0
	for len(queues) > 0 {
		for worker, queue := range queues {
			batch := queue[:min(revokeBatch, len(queue))]
			for _, t := range batch {
				if C.track_revoke(t.slot, t.id) {
					closed++
				}
			}
			if queues[worker] = queue[len(batch):]; len(queues[worker]) == 0 {
				delete(queues, worker)
			}
		}
		awaitRevocations()
	}
	return closed
}

func awaitRevocations() {
	for end := time.Now().Add(revokeWait); anyOutstanding() && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(revokePause)
}

func anyOutstanding() bool {
	for worker := range C.uint32_t(C.TRACK_WORKERS) {
		if C.track_outstanding(worker) > 0 {
			return true
		}
	}
	return false
}
