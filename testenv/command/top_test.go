package command

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/creack/pty"

	"wildcard-egress/internal/testfile"
	"wildcard-egress/testenv/built"
	"wildcard-egress/testenv/poll"
)

// refusal is a line of the access log; the name steers a terminal, if it is let.
const refusal = `{"bytes_received":0,"bytes_sent":0,"decision":"deny","downstream_remote_address":"10.0.0.7:1","duration":1,` +
	`"reason":"no_rule","rule":"\u001b[2Jrule","response_flags":"-","server_name":"a.example.com","time":"2026-11-26T05:53:57.597Z"}` + "\n"

// output is what a process writes, while it does.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func top(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	dir, err := built.Dir()
	if err != nil {
		t.Fatal(err)
	}
	return exec.Command(filepath.Join(dir, "wildcard-egress"), append([]string{"logs", "top"}, args...)...)
}

// On a terminal it shows a screen, follows the file through a rotation, and gives
// the terminal back at Ctrl-C.
func TestTopOnATerminal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	testfile.Append(t, path, refusal)
	cmd := top(t, "--interval", "100ms", path)
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 10, Cols: 60})
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	var out output
	read := make(chan struct{})
	go func() { _, _ = io.Copy(&out, terminal); close(read) }() // until the process ends: then a read fails
	shows := func(what string, line string) {
		poll.Want(t, func() error {
			testfile.Append(t, path, line)
			if text := out.String(); !regexp.MustCompile(what).MatchString(text) {
				return fmt.Errorf("no %q:\n%q", what, text[max(0, len(text)-500):])
			}
			return nil
		})
	}
	shows(`\\x1b\[2Jrule +no_rule`, refusal)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	shows("after +no_rule", strings.Replace(refusal, `\u001b[2Jrule`, "after", 1))
	if _, err := terminal.Write([]byte{3}); err != nil { // Ctrl-C
		t.Fatal(err)
	}
	err = cmd.Wait()
	<-read
	text := out.String()
	if err != nil || !strings.HasPrefix(text, "\x1b[?1049h\x1b[?25l") || !strings.HasSuffix(text, "\x1b[?25h\x1b[?1049l") {
		t.Errorf("%v; the terminal is not given back:\n%q", err, text[max(0, len(text)-500):])
	}
	if strings.Contains(text, "\x1b[2J") {
		t.Error("the log steers the terminal")
	}
}

// Elsewhere it writes lines, to a script or a pipe.
func TestTopWritesLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	testfile.Append(t, path, refusal)
	for format, want := range map[string]string{"text": `/s `, "json": `"decision":"deny","rule":"\\x1b[2Jrule","reason":"no_rule"`} {
		cmd := top(t, "--interval", "100ms", "-o", format, path)
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() {
			lines := bufio.NewScanner(out)
			for lines.Scan() {
				if strings.Contains(lines.Text(), want) {
					ended <- nil
					return
				}
			}
			ended <- fmt.Errorf("%s: no %q", format, want)
		}()
		poll.Want(t, func() error {
			testfile.Append(t, path, refusal)
			select {
			case err := <-ended:
				return err
			default:
				return fmt.Errorf("%s: nothing yet", format)
			}
		})
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", format, err)
		}
	}
}
