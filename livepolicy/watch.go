package livepolicy

import (
	"fmt"
	"os"
	"path/filepath"
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
	// racy is the age below which a file may be written again without a new
	// time of modification: file systems count in ticks of some milliseconds.
	racy = 100 * time.Millisecond
)

// maxFileBytes bounds what is read of a policy file. A policy with a million
// hosts is about 50 MB.
const maxFileBytes = 128 << 20

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

// fingerprint tells whether a file may have changed, without reading it.
type fingerprint struct {
	info os.FileInfo // nil: there is no file
	racy bool
}

// same says whether now shows what was read before, at f.
func (f fingerprint) same(now fingerprint) bool {
	if f.info == nil || now.info == nil {
		return f.info == nil && now.info == nil
	}
	return !f.racy && f.info.Size() == now.info.Size() && f.info.ModTime().Equal(now.info.ModTime()) &&
		os.SameFile(f.info, now.info) // Kubernetes turns a link
}

// load reads the file and puts it in force.
func (w *watch) load() {
	w.tried = true
	seen, err := w.look()
	var data []byte
	if err == nil {
		data, err = w.read()
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

func (w *watch) look() (fingerprint, error) {
	info, err := os.Stat(w.path)
	if err != nil {
		return fingerprint{}, fmt.Errorf("policy_file: %w; put the policy there, or name another file", err)
	}
	if !info.Mode().IsRegular() {
		return fingerprint{}, fmt.Errorf("policy_file: %s: not a regular file; name a file", w.path)
	}
	if info.Size() > maxFileBytes {
		return fingerprint{}, fmt.Errorf("policy_file: %s: %d bytes; a policy has %d at most", w.path, info.Size(), maxFileBytes)
	}
	return fingerprint{info: info, racy: time.Since(info.ModTime()).Abs() < racy}, nil
}

func (w *watch) read() ([]byte, error) {
	data, err := os.ReadFile(w.path)
	if err != nil {
		return nil, fmt.Errorf("policy_file: %w; let Envoy's user read it", err)
	}
	return data, nil
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
	if now, _ := w.look(); !w.tried || !w.seen.same(now) {
		w.load()
	}
}

func (w *watch) recovered() {
	if recovered := recover(); recovered != nil {
		w.registry.panicked(recovered)
		w.refuse(0, fmt.Errorf("policy_file: %s: panic: %v", w.path, recovered))
	}
}

// awaitQuiet waits until the file has stayed the same for a moment. Events of
// its neighbours, such as a log, do not delay it.
func (w *watch) awaitQuiet() {
	before, _ := w.look()
	for range maxSettles {
		w.ignoreEvents(settle)
		after, _ := w.look()
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
