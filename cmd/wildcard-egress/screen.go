package main

import (
	"encoding/json"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// screen is a terminal on which the same place is written again and again, or any
// other output.
type screen struct {
	out  io.Writer
	file *os.File // nil: no terminal
}

const (
	enterScreen = "\x1b[?1049h\x1b[?25l" // the other screen, no cursor
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	home        = "\x1b[H"
	clearLine   = "\x1b[K"
	clearBelow  = "\x1b[J"
)

// newScreen takes a terminal over, if out is one and it is wanted. Restore it.
func newScreen(out io.Writer, wanted bool) *screen {
	s := &screen{out: out}
	a, ok := out.(*answer)
	if !ok || !wanted {
		return s
	}
	file, ok := a.to.(*os.File)
	if !ok {
		return s
	}
	if _, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS); err != nil {
		return s
	}
	s.file = file
	_, _ = io.WriteString(file, enterScreen) // what fails here fails in show
	return s
}

// restore gives the terminal back.
func (s *screen) restore() {
	if s.file != nil {
		_, _ = io.WriteString(s.file, leaveScreen)
	}
}

// show writes text over what was there, cut to the terminal's size.
func (s *screen) show(text string) error {
	rows, columns := 24, 80
	if size, err := unix.IoctlGetWinsize(int(s.file.Fd()), unix.TIOCGWINSZ); err == nil && size.Row > 0 && size.Col > 0 {
		rows, columns = int(size.Row), int(size.Col)
	}
	var b strings.Builder
	b.WriteString(home)
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i, line := range lines[:min(len(lines), rows)] {
		if i > 0 {
			b.WriteString("\r\n")
		}
		line = string(visible([]byte(line), steers))
		for utf8.RuneCountInString(line) > columns {
			_, size := utf8.DecodeLastRuneInString(line)
			line = line[:len(line)-size]
		}
		b.WriteString(line + clearLine)
	}
	b.WriteString(clearBelow)
	_, err := io.WriteString(s.file, b.String())
	return err
}

// writeLine writes a value as one line of JSON.
func writeLine(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
