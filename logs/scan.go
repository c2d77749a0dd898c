package logs

import (
	"bytes"
	"errors"
	"io"
	"runtime"

	"wildcard-egress/accesslog"
)

// blockBytes is how much a worker reads at a time: some 500 lines.
const blockBytes = 256 << 10

// block is a run of whole lines.
type block struct {
	buffer  []byte
	data    []byte // in buffer
	tooLong int    // lines that were left out before it
	read    blockRead
	done    chan struct{}
}

// blockRead is what is in a block.
type blockRead struct {
	entries []accesslog.Entry
	kinds   []accesslog.Kind // one for each line
}

// Scan reads all lines of in, whose name is for Tally's places, on all CPUs, and
// calls each with the lines of the gateway, in their order and on the caller's
// goroutine. The entry is valid for the duration of the call; its strings may be
// kept. An error of in is returned after what was read before it. It takes some
// megabytes, however long in is.
func Scan(in io.Reader, name string, t *Tally, each func(*accesslog.Entry)) error {
	workers := runtime.GOMAXPROCS(0)
	work, order, free := make(chan *block, workers), make(chan *block, workers), make(chan *block, 2*workers+2)
	for range cap(free) {
		free <- &block{buffer: make([]byte, blockBytes), done: make(chan struct{}, 1)}
	}
	for range workers {
		go func() {
			var r accesslog.Reader
			for b := range work {
				b.read.lines(&r, b.data)
				b.done <- struct{}{}
			}
		}()
	}
	var failed error
	go func() {
		defer close(order)
		defer close(work)
		s := splitter{in: &lineStarts{in: in}}
		for failed == nil {
			b := <-free
			failed = s.fill(b)
			order <- b
			work <- b
		}
	}()
	for b := range order {
		<-b.done
		for range b.tooLong {
			t.add(name, accesslog.TooLong, nil)
		}
		next := 0
		for _, kind := range b.read.kinds {
			if kind != accesslog.OfGateway {
				t.add(name, kind, nil)
				continue
			}
			e := &b.read.entries[next]
			next++
			t.add(name, kind, e)
			each(e)
		}
		free <- b
	}
	if errors.Is(failed, io.EOF) {
		return nil
	}
	return failed
}

// lines reads the lines of data.
func (b *blockRead) lines(r *accesslog.Reader, data []byte) {
	b.entries, b.kinds = b.entries[:0], b.kinds[:0]
	for len(data) > 0 {
		line, rest, _ := bytes.Cut(data, newline)
		data = rest
		var e accesslog.Entry
		kind := r.Read(line, &e)
		if kind == accesslog.OfGateway {
			b.entries = append(b.entries, e)
		}
		b.kinds = append(b.kinds, kind)
	}
}

var newline = []byte("\n")

// splitter cuts a stream into blocks of whole lines.
type splitter struct {
	in       io.Reader
	rest     []byte // the begin of the next line
	skipping bool   // within a line that no block holds
}

// fill puts the next lines into b. With an error b has the last ones.
func (s *splitter) fill(b *block) error {
	n := copy(b.buffer, s.rest)
	more, err := readFull(s.in, b.buffer[n:])
	b.data, b.tooLong, s.rest = b.buffer[:n+more], 0, s.rest[:0]
	if s.skipping {
		_, after, found := bytes.Cut(b.data, newline)
		b.data, s.skipping = after, !found
	}
	if err != nil {
		return err
	}
	end := bytes.LastIndexByte(b.data, '\n') + 1
	if end == 0 && len(b.data) == len(b.buffer) {
		s.skipping, b.tooLong, b.data = true, 1, nil
		return nil
	}
	s.rest = append(s.rest, b.data[end:]...)
	b.data = b.data[:end]
	return nil
}

// readFull is io.ReadFull, but for the error: what a cut gzip file says is kept
// apart from a plain end, io.EOF.
func readFull(in io.Reader, into []byte) (n int, err error) {
	for n < len(into) && err == nil {
		var more int
		more, err = in.Read(into[n:])
		n += more
	}
	return n, err
}
