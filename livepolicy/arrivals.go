package livepolicy

import (
	"cmp"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// arrival is how the newest content of a file came.
type arrival int

const (
	unknown arrival = iota // no event tells
	writing                // it is being written in place
	closed                 // in place, and its writer has closed it
	moved                  // whole: it was renamed to its place, or a link was turned to it
)

// arrivals tells how the content of one file came. The zero value knows of
// turned links only.
type arrivals struct {
	inotify
	arrival arrival
	newest  time.Time // of its events

	real      string // the file's path without links; empty: there is none
	name      string // its last element
	file, dir int32  // the watches of the file and of its directory
}

// follow watches the file that path leads to now: the file itself, since it may
// be written by another path; its directory, where it is renamed; and that of
// path, where Kubernetes turns a link.
func (a *arrivals) follow(path string) {
	turned, err := filepath.EvalSymlinks(path)
	if err != nil {
		turned = ""
	}
	if turned != "" && turned != a.real && (a.real != "" || isLink(path)) {
		a.arrival, a.newest = moved, time.Now()
	}
	a.real = turned
	file := cmp.Or(a.real, path)
	a.name = filepath.Base(file)
	a.dir = a.add(filepath.Dir(file), directoryEvents)
	a.file = a.add(file, fileEvents)
	a.keep(a.file, a.dir, a.add(filepath.Dir(path), directoryEvents))
}

// concerned takes a batch of events and says whether to look at the file.
func (a *arrivals) concerned(batch []event, ok bool) (concerned bool) {
	if !ok {
		a.tells = nil // its reader has ended: looking serves
		return true
	}
	for _, e := range batch {
		switch {
		case e.mask&unix.IN_Q_OVERFLOW != 0:
			a.arrival, concerned = unknown, true
		case e.watch == a.file || e.watch == a.dir && e.name == a.name:
			a.note(e.mask)
			concerned = true
		case e.mask&(unix.IN_MODIFY|unix.IN_CLOSE_WRITE) == 0: // perhaps of a link on the way
			concerned = true
		}
	}
	return concerned
}

// note takes an event of the file. Those of a file that another one replaces
// are not followed further.
func (a *arrivals) note(mask uint32) {
	a.newest = time.Now()
	switch {
	case mask&unix.IN_MOVED_TO != 0:
		a.arrival, a.file = moved, -1
	case mask&unix.IN_CREATE != 0:
		a.arrival, a.file = writing, -1
	case mask&unix.IN_MODIFY != 0:
		a.arrival = writing
	case mask&unix.IN_CLOSE_WRITE != 0 && a.arrival == writing:
		a.arrival = closed
	}
}

func isLink(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&os.ModeSymlink != 0
}
