package livepolicy

import (
	"fmt"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/fsnotify/fsnotify"
)

// How a file is watched. Events come at once; looking at the file, which costs
// one system call, finds what events cannot show: a directory that appears or
// is replaced, a link above it that is turned, a network file system.
const (
	settle     = 50 * time.Millisecond // quiet time after an event: editors write in several steps
	maxSettles = 10                    // for a file that is written all the time
	lookEvery  = time.Second
)

// largeFile is where the garbage of a load, 20 times the file's size, is too
// much to be left for the collector's next turn, which a quiet gateway may be
// minutes away from.
const largeFile = 1 << 20

// watch keeps one lineage equal to one file.
type watch struct {
	registry *Registry
	lineage  *Lineage
	path     string

	tried   bool        // once at least
	seen    fingerprint // of the file as it was read last; zero: it could not be
	problem string      // of the newest attempt; empty: it was good
	events  *fsnotify.Watcher
}

// load reads the file and puts it in force.
func (w *watch) load() {
	w.tried = true
	seen, err := look(w.path)
	var data []byte
	if err == nil {
		data, err = read(w.path)
	}
	if err != nil {
		seen = fingerprint{} // so that it is read again, even when it looks the same
	}
	w.seen = seen
	var c compiled
	if err == nil {
		c, err = w.registry.cache.compile(w.path, data)
	}
	if err != nil {
		w.refuse(c.version, err)
		return
	}
	change := w.lineage.accept(c)
	if change.Changed || w.problem != "" {
		w.registry.tell(change)
	}
	w.problem = ""
	if len(data) > largeFile {
		go debug.FreeOSMemory()
	}
}

// refuse tells a new problem; the same one with the same content is no news.
func (w *watch) refuse(version uint64, err error) {
	problem := fmt.Sprintf("%d %v", version, err)
	if problem == w.problem {
		return
	}
	w.problem = problem
	w.registry.tell(w.lineage.refuse(err))
}

// run watches until done is closed.
func (w *watch) run(done <-chan struct{}) {
	defer w.recovered()
	w.events, _ = fsnotify.NewWatcher() // without one (no inotify left), looking serves
	defer w.closeEvents()
	looking := time.NewTicker(lookEvery)
	defer looking.Stop()
	for {
		w.update()
		select {
		case <-done:
			return
		case <-looking.C:
		case <-w.lost():
		case <-w.changed():
			w.awaitQuiet()
		}
	}
}

// update loads the file if it has changed. A panic in it is a bug: the same
// content is not tried again.
func (w *watch) update() {
	defer w.recovered()
	w.watchDirectory()
	if now, _ := look(w.path); !w.tried || !w.seen.same(now) {
		w.load()
	}
}

func (w *watch) recovered() {
	if recovered := recover(); recovered != nil {
		w.registry.panicked(recovered)
		w.refuse(0, fmt.Errorf("policy_file: %s: panic: %v", w.path, recovered))
	}
}

// awaitQuiet waits until the file, if it has changed, has stayed the same for a
// moment. Events of its neighbours, such as a log or the file that will be
// renamed to it, do not delay it.
func (w *watch) awaitQuiet() {
	before, _ := look(w.path)
	if w.seen.same(before) {
		return
	}
	for range maxSettles {
		w.ignoreEvents(settle)
		after, _ := look(w.path)
		if before.racy = false; before.same(after) {
			return
		}
		before = after
	}
}

func (w *watch) ignoreEvents(during time.Duration) {
	for end := time.After(during); ; {
		select {
		case <-w.changed():
		case <-end:
			return
		}
	}
}

// watchDirectory watches the file's directory, not the file: renames and
// Kubernetes' turn of a link happen there. A directory that is removed loses
// its watch.
func (w *watch) watchDirectory() {
	if w.events != nil && len(w.events.WatchList()) == 0 {
		_ = w.events.Add(filepath.Dir(w.path)) // it may be there at the next look
	}
}

func (w *watch) changed() <-chan fsnotify.Event {
	if w.events == nil {
		return nil
	}
	return w.events.Events
}

// lost tells of events that the kernel dropped. Without a reader of it no more
// events would come.
func (w *watch) lost() <-chan error {
	if w.events == nil {
		return nil
	}
	return w.events.Errors
}

func (w *watch) closeEvents() {
	if w.events != nil {
		_ = w.events.Close()
		w.events = nil
	}
}
