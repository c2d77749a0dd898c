package logs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"wildcard-egress/accesslog"
)

// followEvery is how often a file is looked at.
const followEvery = 100 * time.Millisecond

// Tail reads a file that is being written, also when it is rotated: renamed and
// made anew, or cut to nothing. Its Read waits for more, and ends with io.EOF when
// its context ends, whatever is left to read. Close it.
type Tail struct {
	ctx     context.Context
	path    string
	file    *os.File // nil: not there
	offset  int64
	midLine bool // the last byte read was no newline
}

// OpenTail opens a file that is there, to read what is written from now on, and
// before that what is in the last bytes of it.
func OpenTail(ctx context.Context, path string, last int64) (*Tail, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = &os.PathError{Op: "read", Path: path, Err: syscall.EISDIR}
	}
	if err == nil && info.Mode().IsRegular() {
		_, err = file.Seek(max(0, info.Size()-last), io.SeekStart)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return &Tail{ctx: ctx, path: path, file: file, offset: max(0, info.Size()-last)}, nil
}

// Close lets go of the file.
func (t *Tail) Close() error {
	if t.file == nil {
		return nil
	}
	return t.file.Close()
}

func (t *Tail) Read(b []byte) (int, error) {
	for t.ctx.Err() == nil {
		if t.file != nil {
			n, err := t.file.Read(b)
			if n > 0 {
				t.offset += int64(n)
				t.midLine = !bytes.HasSuffix(b[:n], newline)
				return n, nil
			}
			if err != nil && !errors.Is(err, io.EOF) {
				return 0, err
			}
		}
		if t.turned() && t.midLine && len(b) > 0 { // so that two halves are not one line
			b[0], t.midLine = '\n', false
			return 1, nil
		}
		select {
		case <-t.ctx.Done():
		case <-time.After(followEvery):
		}
	}
	return 0, io.EOF
}

// turned opens the file that is at the path now, if it is another one than that
// which was read to its end, and begins anew with one that was cut.
func (t *Tail) turned() bool {
	now, err := os.Stat(t.path)
	if err != nil {
		return false // between two files
	}
	if t.file != nil {
		was, err := t.file.Stat()
		if err == nil && os.SameFile(was, now) {
			if now.Size() >= t.offset || !now.Mode().IsRegular() {
				return false
			}
			t.offset = 0
			_, err = t.file.Seek(0, io.SeekStart)
			return err == nil
		}
		if n, _ := t.file.Seek(0, io.SeekEnd); n > t.offset { // written between the last look and the rename
			_, err = t.file.Seek(t.offset, io.SeekStart)
			return err != nil
		}
		t.file.Close()
	}
	t.file, err = os.Open(t.path)
	t.offset = 0
	if err != nil {
		t.file = nil
		return false
	}
	return true
}

// Lines reads a stream line by line, as it comes, and calls each for all kinds of
// lines. The entry is valid for the duration of the call.
func Lines(in io.Reader, each func(accesslog.Kind, *accesslog.Entry)) error {
	lines := bufio.NewReaderSize(&lineStarts{in: in}, 2*accesslog.MaxLineBytes)
	var r accesslog.Reader
	for {
		line, err := lines.ReadSlice('\n')
		var e accesslog.Entry
		if len(line) > 0 {
			each(r.Read(line, &e), &e)
		}
		for errors.Is(err, bufio.ErrBufferFull) { // the rest of a long line
			_, err = lines.ReadSlice('\n')
		}
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}
