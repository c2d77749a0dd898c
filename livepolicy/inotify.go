package livepolicy

import (
	"bytes"
	"encoding/binary"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// The events that are asked for. They are why this is not fsnotify, which has none
// for the end of writing.
const (
	fileEvents      = unix.IN_MODIFY | unix.IN_CLOSE_WRITE | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF
	directoryEvents = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_CLOSE_WRITE |
		unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ONLYDIR
)

// event is what inotify(7) tells.
type event struct {
	watch int32 // as add returned it; -1 when events were lost
	mask  uint32
	name  string // of an entry of a directory
}

// inotify is one instance of it. The zero value tells nothing.
type inotify struct {
	fd       int          // instance.Fd would make its reads block a thread
	instance *os.File     // nil: there is none
	tells    chan []event // its batches; closed when no more come
	watches  []int32
}

// startInotify returns the zero value if the user has no instance left.
func startInotify(panicked func(any)) inotify {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return inotify{}
	}
	n := inotify{fd: fd, instance: os.NewFile(uintptr(fd), "inotify"), tells: make(chan []event)}
	go func() {
		defer func() {
			if r := recover(); r != nil {
				panicked(r)
			}
			close(n.tells)
		}()
		n.read()
	}()
	return n
}

// read hands over what comes until the instance is closed. Events that come
// while nobody takes a batch stay in the kernel's queue.
func (n *inotify) read() {
	buffer := make([]byte, 16<<10)
	for {
		length, err := n.instance.Read(buffer)
		if err != nil {
			return
		}
		n.tells <- parseEvents(buffer[:length])
	}
}

func parseEvents(b []byte) (events []event) {
	for len(b) >= unix.SizeofInotifyEvent {
		end := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(b[12:]))
		if end > len(b) {
			break
		}
		events = append(events, event{
			watch: int32(binary.NativeEndian.Uint32(b)),
			mask:  binary.NativeEndian.Uint32(b[4:]),
			name:  string(bytes.TrimRight(b[unix.SizeofInotifyEvent:end], "\x00")),
		})
		b = b[end:]
	}
	return events
}

// add returns the watch of what path is now, -1 without one. The same file has
// the same watch, however often it is added.
func (n *inotify) add(path string, mask uint32) int32 {
	if n.instance == nil {
		return -1
	}
	watch, err := unix.InotifyAddWatch(n.fd, path, mask)
	if err != nil {
		return -1
	}
	return int32(watch)
}

// keep ends all watches but these.
func (n *inotify) keep(watches ...int32) {
	for _, old := range n.watches {
		if !slices.Contains(watches, old) {
			// It may be gone with its file already.
			_, _ = unix.InotifyRmWatch(n.fd, uint32(old))
		}
	}
	n.watches = slices.DeleteFunc(watches, func(watch int32) bool { return watch < 0 })
}

// close ends the reading, once its batches are taken.
func (n *inotify) close() {
	if n.instance == nil {
		return
	}
	_ = n.instance.Close()
	if n.tells != nil {
		for range n.tells { // its reader may wait with a batch
		}
	}
}
