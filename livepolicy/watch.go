package livepolicy

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// How a file is watched. Events come at once; the slow poll catches what they
// miss (a network file system, a directory that was replaced), and the fast one
// serves while there is no directory to watch.
const (
	settle   = 50 * time.Millisecond // quiet time after an event: editors write in several steps
	slowPoll = 10 * time.Second
	fastPoll = time.Second
)

// maxFileBytes bounds what is read of a policy file. A policy with a million
// hosts is about 50 MB.
const maxFileBytes = 128 << 20

// watch keeps one lineage equal to one file. Only its goroutine loads, once it
// is started.
type watch struct {
	registry *Registry
	lineage  *Lineage
	path     string

	seen    fingerprint // of the file at the newest attempt
	problem string      // of the newest attempt; empty: it was good
	dir     string      // the directory that events watches; empty: none
	events  *fsnotify.Watcher
}

// fingerprint tells whether a file may have changed, without reading it.
type fingerprint struct {
	size     int64
	modified time.Time
	info     os.FileInfo // for os.SameFile: Kubernetes swaps a symlink
}

func (a fingerprint) same(b fingerprint) bool {
	return a.size == b.size && a.modified.Equal(b.modified) && (a.info == nil) == (b.info == nil) &&
		(a.info == nil || os.SameFile(a.info, b.info))
}

// load reads the file and puts it in force. The error says why that failed.
func (w *watch) load() error {
	seen, err := w.look()
	w.seen = seen
	var c compiled
	if err == nil {
		c, err = w.read()
	}
	if err != nil {
		// Only a new problem is news: a missing file must not count each poll.
		if w.problem != err.Error() {
			w.registry.tell(w.lineage.refuse(err))
		}
		w.problem = err.Error()
		return err
	}
	w.problem = ""
	w.registry.tell(w.lineage.accept(c))
	return nil
}

func (w *watch) look() (fingerprint, error) {
	info, err := os.Stat(w.path)
	if err != nil {
		return fingerprint{}, fmt.Errorf("policy_file: %w; put the policy there, or name another file", err)
	}
	if !info.Mode().IsRegular() {
		return fingerprint{}, fmt.Errorf("policy_file: %s: not a regular file", w.path)
	}
	if info.Size() > maxFileBytes {
		return fingerprint{}, fmt.Errorf("policy_file: %s: %d bytes; a policy has %d at most", w.path, info.Size(), maxFileBytes)
	}
	return fingerprint{size: info.Size(), modified: info.ModTime(), info: info}, nil
}

func (w *watch) read() (compiled, error) {
	data, err := os.ReadFile(w.path)
	if err != nil {
		return compiled{}, fmt.Errorf("policy_file: %w", err)
	}
	return w.registry.compile(w.path, data)
}

// start watches in a goroutine of its own until stop is called.
func (w *watch) start() (stop func()) {
	done := make(chan struct{})
	go func() {
		for w.runUntil(done) {
		}
	}()
	return func() { close(done) }
}

// runUntil returns false when done is closed, true when a panic ended it.
func (w *watch) runUntil(done <-chan struct{}) (again bool) {
	defer func() {
		if r := recover(); r != nil {
			again = true
			if w.registry.OnPanic != nil {
				w.registry.OnPanic(r)
			}
			time.Sleep(fastPoll) // a bug that comes at once must not spin
		}
	}()
	defer w.unwatch()
	w.events, _ = fsnotify.NewWatcher() // without one (no inotify left), polling serves
	for {
		w.watchDirectory()
		select {
		case <-done:
			return false
		case <-w.changed():
			if !w.settled(done) {
				return false
			}
		case <-time.After(w.pollInterval()):
		}
		if seen, _ := w.look(); !seen.same(w.seen) || w.problem != "" {
			_ = w.load() // told through the registry
		}
	}
}

// settled waits until no event has come for a moment; false: done.
func (w *watch) settled(done <-chan struct{}) bool {
	deadline := time.After(10 * settle)
	for {
		select {
		case <-done:
			return false
		case <-w.changed():
		case <-time.After(settle):
			return true
		case <-deadline:
			return true
		}
	}
}

// watchDirectory watches the file's directory, not the file: renames and
// Kubernetes' symlink swaps happen there.
func (w *watch) watchDirectory() {
	dir := filepath.Dir(w.path)
	if w.events == nil || (w.dir != "" && len(w.events.WatchList()) > 0) {
		return
	}
	w.dir = ""
	if w.events.Add(dir) == nil {
		w.dir = dir
	}
}

func (w *watch) changed() <-chan fsnotify.Event {
	if w.events == nil {
		return nil
	}
	return w.events.Events
}

func (w *watch) pollInterval() time.Duration {
	if w.dir == "" || w.problem != "" {
		return fastPoll
	}
	return slowPoll
}

func (w *watch) unwatch() {
	if w.events != nil {
		_ = w.events.Close()
		w.events, w.dir = nil, ""
	}
}
