package logs

import (
	"bytes"
	"io"
)

// lineStarts leaves out the zeros at the start of lines. A file that is cut under
// its writer goes on behind as many as it had bytes, which no line could hold.
type lineStarts struct {
	in     io.Reader
	within bool // a line
}

func (l *lineStarts) Read(b []byte) (n int, err error) {
	for n == 0 && err == nil && len(b) > 0 {
		n, err = l.in.Read(b)
		n = l.keep(b[:n])
	}
	return n, err
}

func (l *lineStarts) keep(b []byte) (kept int) {
	if bytes.IndexByte(b, 0) < 0 { // mostly
		kept = len(b)
	} else {
		for _, c := range b {
			if c == 0 && !l.within {
				continue
			}
			b[kept], l.within = c, c != '\n'
			kept++
		}
	}
	if kept > 0 {
		l.within = b[kept-1] != '\n'
	}
	return kept
}
