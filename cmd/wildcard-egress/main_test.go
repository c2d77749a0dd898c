package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A file's name, an argument, a word of a proxy: none may steer the terminal.
func TestNotesShowWhatWouldSteerATerminal(t *testing.T) {
	for text, want := range map[string]string{
		"no such file: a\x1b[2Jb":   `no such file: a\u001b[2Jb`,
		"a\rerror: none":            `a\u000derror: none`,
		"evil\u202egpj.exe":         `evil\u202egpj.exe`,
		"\x9b2J, no UTF-8":          `\x9b2J, no UTF-8`,
		"two lines\n\tand a tab, ü": "two lines\n\tand a tab, ü",
	} {
		var out bytes.Buffer
		if n, err := (notes{&out}).Write([]byte(text)); n != len(text) || err != nil || out.String() != want {
			t.Errorf("%q is shown as %q (%d, %v), want %q", text, out.String(), n, err, want)
		}
	}
}

// What answers byte by byte may do so for ever.
func TestReadyDoesNotWaitForADrippingAdminInterface(t *testing.T) {
	done := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for tick := time.NewTicker(50 * time.Millisecond); ; {
			if _, err := w.Write([]byte(" ")); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
			select {
			case <-done:
				return
			case <-r.Context().Done():
				return
			case <-tick.C:
			}
		}
	}))
	defer server.Close()
	defer close(done)
	out, err := runCommand(t, "ready", "--admin", server.URL)
	if err == nil || !strings.Contains(out, "no whole answer within 4s") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestAnswersStayWhatTheyAre(t *testing.T) {
	var out bytes.Buffer
	a := &answer{to: &out}
	if err := json.NewEncoder(a).Encode("a\rb\u202ec"); err != nil || out.String() != "\"a\\rb\u202ec\"\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}
