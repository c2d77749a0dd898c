package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// progress shows on a terminal how far a command is, after a second.
type progress struct {
	out  io.Writer // nil: no terminal
	what string
	next time.Time
	told bool
}

func newProgress(out io.Writer, what string) *progress {
	p := &progress{what: what, next: time.Now().Add(time.Second)}
	if n, ok := out.(notes); ok {
		out = n.to // what it writes is its own
	}
	if file, ok := out.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			p.out = out
		}
	}
	return p
}

// show says that so many are done, five times a second at most; of is 0 where
// nobody knows how many there are.
func (p *progress) show(done, of int) {
	if now := time.Now(); p.out != nil && now.After(p.next) {
		all := ""
		if of > 0 {
			all = fmt.Sprintf(" of %d", of)
		}
		fmt.Fprintf(p.out, "\r%d%s %s", done, all, p.what)
		p.next, p.told = now.Add(time.Second/5), true
	}
}

// clear removes what show wrote.
func (p *progress) clear() {
	if p.told {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
