package livepolicy

import (
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// maxFileBytes bounds what is read of a policy file. A policy with a million
// hosts is about 50 MB.
const maxFileBytes = 128 << 20

// racy is the age below which a file may be written again without a new time of
// change: file systems count in ticks of some milliseconds.
const racy = 100 * time.Millisecond

// fingerprint tells whether a file may have changed, without reading it.
type fingerprint struct {
	info os.FileInfo // nil: there is no file
	racy bool
}

// same says whether now shows what f did. A write in place that keeps size and
// time of modification has a time of change all the same: nobody can set that.
func (f fingerprint) same(now fingerprint) bool {
	if f.info == nil || now.info == nil {
		return f.info == nil && now.info == nil
	}
	return f.info.Size() == now.info.Size() && f.info.ModTime().Equal(now.info.ModTime()) &&
		changedAt(f.info).Equal(changedAt(now.info)) && os.SameFile(f.info, now.info) // Kubernetes turns a link
}

// written says whether one file was written between two looks. That it was
// removed meanwhile, as by a rename to its place, changes its time of change too.
func written(before, after os.FileInfo) bool {
	return before.Size() != after.Size() || !before.ModTime().Equal(after.ModTime()) ||
		links(before) == links(after) && !changedAt(before).Equal(changedAt(after))
}

func links(info os.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Nlink) //nolint:unconvert // it has other types on other processors
	}
	return 0
}

func changedAt(info os.FileInfo) time.Time {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(s.Ctim.Unix())
	}
	return info.ModTime()
}

func fingerprintOf(info os.FileInfo) fingerprint {
	return fingerprint{info: info, racy: time.Since(changedAt(info)).Abs() < racy}
}

// look returns what path shows now. The error says why no policy can be there.
func look(path string) (fingerprint, error) {
	info, err := os.Stat(path)
	if err != nil {
		return fingerprint{}, fmt.Errorf("policy_file: %w; put the policy there, or name another file", err)
	}
	return fingerprintOf(info), usable(path, info)
}

func usable(path string, info os.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("policy_file: %s: not a regular file; name a file", path)
	}
	if info.Size() > maxFileBytes {
		return fmt.Errorf("policy_file: %s: %d bytes; a policy has %d at most", path, info.Size(), maxFileBytes)
	}
	return nil
}

// read returns a file's content and what it looked like before the first byte
// was read. torn says that it looked different after the last one.
func read(path string) (data []byte, seen fingerprint, torn bool, err error) {
	if _, err := look(path); err != nil {
		return nil, fingerprint{}, false, err
	}
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // what has become a pipe would wait for its writer
	if err != nil {
		return nil, fingerprint{}, false, fmt.Errorf("policy_file: %w; let Envoy's user read it", err)
	}
	defer file.Close()
	before, err := file.Stat()
	if err == nil {
		err = usable(path, before)
	}
	if err == nil {
		data = make([]byte, before.Size())
		_, err = io.ReadFull(file, data)
	}
	after, statErr := file.Stat()
	if statErr != nil {
		return nil, fingerprint{}, false, fmt.Errorf("policy_file: %w", statErr)
	}
	seen = fingerprintOf(before)
	torn = written(before, after)
	if err != nil && !torn {
		return nil, fingerprint{}, false, fmt.Errorf("policy_file: %s: %w", path, err)
	}
	if !torn {
		data, err = unpacked(path, data)
	}
	return data, seen, torn, err
}
