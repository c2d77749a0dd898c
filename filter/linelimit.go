package filter

import (
	"sync"
	"time"
)

// Log lines for refusals: so many at once, and so many a second in the long
// run, so that a flood of refusals cannot fill the disk.
const (
	lineBurst = 100
	lineEvery = 100 * time.Millisecond
)

// lineLimit is a token bucket. The zero value is full.
type lineLimit struct {
	mu      sync.Mutex
	used    int
	since   time.Time
	leftOut int
}

// allow says whether one more line may be written, and then how many were left
// out since the last one.
func (l *lineLimit) allow() (leftOut int, ok bool) { return l.allowAt(time.Now()) }

func (l *lineLimit) allowAt(now time.Time) (leftOut int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if regained := int(now.Sub(l.since) / lineEvery); regained > 0 {
		l.used = max(0, l.used-regained)
		l.since = now
	}
	if l.used >= lineBurst {
		l.leftOut++
		return 0, false
	}
	l.used++
	leftOut, l.leftOut = l.leftOut, 0
	return leftOut, true
}
