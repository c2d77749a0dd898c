package livepolicy

import (
	"errors"
	"runtime/debug"
	"sync/atomic"
	"time"

	"wildcard-egress/filter/policy/document"
)

// maxProblems is how many mistakes of a policy are told, and kept.
const maxProblems = 20

// firstProblems is err without the problems beyond the first ones, which it only
// counts: a big file may have one in each line.
func firstProblems(err error) error {
	var all document.Problems
	if !errors.As(err, &all) {
		return err
	}
	return all.First(maxProblems)
}

// largePolicy is where the garbage of a load, 20 times the text's size, is too
// much to be left for the collector's next turn, which a quiet gateway may be
// minutes away from.
const largePolicy = 1 << 20

var givingBack atomic.Bool

// giveBack returns to the system what a load of so many bytes has left behind,
// whether it went well or not: soon, when its callers have let go of it too.
func giveBack(bytes int) {
	if bytes < largePolicy || !givingBack.CompareAndSwap(false, true) {
		return
	}
	time.AfterFunc(time.Second, func() {
		givingBack.Store(false)
		debug.FreeOSMemory()
	})
}
