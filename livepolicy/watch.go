package livepolicy

import (
	"crypto/sha256"
	"fmt"
	"time"
)

// How a file is watched. Events say at once that it changed, and how: that its
// writer has closed it, that it was renamed to its place. Looking at it, which
// costs one system call, finds what events cannot show: a link above it that is
// turned, a network file system. What came in such a way is read when it has
// stayed the same for longer than a writer may pause.
const (
	settle    = 50 * time.Millisecond // after a writer has closed the file: some write in several steps
	steady    = 6 * time.Second
	lookEvery = time.Second
)

// watch keeps one lineage equal to one file.
type watch struct {
	registry *Registry
	lineage  *Lineage
	path     string
	endMark  EndMark

	tried   bool              // once at least
	seen    fingerprint       // of the file as it was read last; zero: it could not be
	hash    [sha256.Size]byte // of its content
	problem string            // of the newest attempt; empty: it was good

	events  arrivals
	waiting snapshot // what came in an unknown way
}

// snapshot is a file at one moment.
type snapshot struct {
	look  fingerprint
	hash  [sha256.Size]byte
	since time.Time // it looks so; zero: there is none
}

// run watches until done is closed.
func (w *watch) run(done <-chan struct{}) {
	defer w.recovered()
	defer w.events.close()
	for {
		again := time.NewTimer(w.update())
		for waiting := true; waiting; {
			select {
			case <-done:
				again.Stop()
				return
			case <-again.C:
				waiting = false
			case batch, ok := <-w.events.tells:
				waiting = !w.events.concerned(batch, ok)
			}
		}
		again.Stop()
	}
}

// update loads the file if it has changed and is whole, and returns after which
// time to look again. A panic in it is a bug: the same content is not tried again.
func (w *watch) update() (again time.Duration) {
	defer w.recovered()
	again = lookEvery // after a panic, too
	w.events.follow(w.path)
	now, err := look(w.path)
	quiet := settle - time.Since(w.events.newest)
	switch {
	case !w.tried:
		w.load(false)
	case err != nil && w.seen.info != nil && quiet > 0: // it may be replaced by deleting and creating it
		return quiet
	case err != nil:
		w.take(nil, fingerprint{}, false, err)
	case w.events.arrival == moved:
		w.load(false)
	case w.events.arrival == closed && quiet > 0:
		return quiet
	case w.events.arrival == closed:
		w.load(true)
	case !w.unchanged(now):
		w.await(now)
	}
	return again
}

// unchanged says whether the file is as it was read last. Soon after a change
// only its content tells.
func (w *watch) unchanged(now fingerprint) bool {
	if !w.seen.same(now) || !w.seen.racy {
		return w.seen.same(now)
	}
	data, seen, torn, err := read(w.path)
	if err != nil || torn || sha256.Sum256(data) != w.hash {
		return false
	}
	w.seen = seen
	return true
}

// await loads a file that changed in an unknown way when two looks, far enough
// apart, have shown the same content.
func (w *watch) await(now fingerprint) {
	steadily := !w.waiting.since.IsZero() && w.waiting.look.same(now)
	if steadily && time.Since(w.waiting.since) < steady {
		return
	}
	data, seen, torn, err := read(w.path)
	hash := sha256.Sum256(data)
	switch {
	case err != nil:
		w.take(nil, fingerprint{}, false, err)
	case !torn && hash == w.hash: // touched, or made readable for others
		w.seen, w.waiting = seen, snapshot{}
	case torn || !steadily || hash != w.waiting.hash:
		w.waiting = snapshot{look: seen, hash: hash, since: time.Now()}
	default:
		w.take(data, seen, true, nil)
	}
}

// load reads the file and takes it, unless it changes meanwhile.
func (w *watch) load(inPlace bool) {
	data, seen, torn, err := read(w.path)
	switch {
	case !torn:
		w.take(data, seen, inPlace, err)
	case !w.tried:
		w.take(nil, fingerprint{}, false, fmt.Errorf("policy_file: %s: it is being written", w.path))
	default:
		w.events.arrival = writing
	}
}

// take puts a policy in force, or refuses it; err says that it could not be read.
func (w *watch) take(data []byte, seen fingerprint, inPlace bool, err error) {
	inPlace = inPlace && w.tried
	w.tried, w.seen, w.hash, w.waiting = true, seen, sha256.Sum256(data), snapshot{}
	w.events.arrival = unknown
	var c compiled
	if err == nil {
		err = w.whole(data, inPlace)
	}
	if err == nil {
		c, err = w.registry.cache.compile(w.path, data)
	}
	if err != nil {
		w.refuse(err)
		return
	}
	change := w.lineage.accept(c)
	if change.Changed || w.problem != "" {
		w.registry.tell(change)
	}
	w.problem = ""
}

// whole says why data may be a part of a policy only. What is in force already
// may come again as it likes.
func (w *watch) whole(data []byte, inPlace bool) error {
	after := w.lineage.lastGood()
	if after.policy != nil && after.hash == w.hash {
		return nil
	}
	if len(data) > 0 && data[len(data)-1] != '\n' {
		return fmt.Errorf("policy_file: %s: no newline at its end, so it may be cut off; end it with one", w.path)
	}
	if why := w.endMark.missing(data, after, inPlace); why != "" {
		return fmt.Errorf("policy_file: %s: %s", w.path, why)
	}
	return nil
}

// refuse tells a new problem; the same one with the same content is no news.
func (w *watch) refuse(err error) {
	problem := fmt.Sprintf("%x %v", w.hash, err)
	if problem == w.problem {
		return
	}
	w.problem = problem
	w.registry.tell(w.lineage.refuse(err))
}

func (w *watch) recovered() {
	if recovered := recover(); recovered != nil {
		w.registry.panicked(recovered)
		w.refuse(fmt.Errorf("policy_file: %s: panic: %v", w.path, recovered))
	}
}
