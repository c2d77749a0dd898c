package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wildcard-egress/accesslog"
	"wildcard-egress/internal/testfile"
)

// followed are the server names that come, and the kinds of other lines.
func followed(t *testing.T, path string, last int64) (names <-chan string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	tail, err := OpenTail(ctx, path, last)
	if err != nil {
		t.Fatal(err)
	}
	found, ended := make(chan string, 1000), make(chan error)
	go func() {
		ended <- Lines(tail, func(kind accesslog.Kind, e *accesslog.Entry) {
			switch kind {
			case accesslog.OfGateway:
				found <- e.ServerName
			case accesslog.Empty:
			default:
				found <- fmt.Sprint("kind ", kind)
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		tail.Close()
	})
	return found
}

func wantNames(t *testing.T, names <-chan string, want ...string) {
	t.Helper()
	for _, name := range want {
		select {
		case got := <-names:
			if got != name {
				t.Fatalf("read %q, want %q", got, name)
			}
		case <-t.Context().Done():
			t.Fatalf("%q did not come", name)
		}
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func TestTailFollowsRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	line := func(name string) string { return refusal(web, name, "no_rule") }
	testfile.Append(t, path, line("old.example.com"))
	names := followed(t, path, 0)
	testfile.Append(t, path, line("a.example.com")[:50])
	testfile.Append(t, path, line("a.example.com")[50:])
	wantNames(t, names, "a.example.com")

	rename(t, path, path+".1") // logrotate, create
	testfile.Append(t, path+".1", line("late.example.com"))
	testfile.Append(t, path, line("b.example.com"))
	wantNames(t, names, "late.example.com", "b.example.com")

	rename(t, path, path+".2") // nothing there for a while, and a half line before
	testfile.Append(t, path+".2", line("half.example.com")[:70])
	testfile.Append(t, path, line("c.example.com"))
	wantNames(t, names, fmt.Sprint("kind ", accesslog.Broken), "c.example.com")

	testfile.Append(t, path, strings.Repeat(line("d.example.com"), 2))
	wantNames(t, names, "d.example.com", "d.example.com")
	if err := os.Truncate(path, 0); err != nil { // logrotate, copytruncate
		t.Fatal(err)
	}
	testfile.Append(t, path, line("e.example.com"))
	wantNames(t, names, "e.example.com")
}

func TestTailBeginsWithTheLastBytes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	line := refusal(web, "a.example.com", "no_rule")
	testfile.Append(t, path, strings.Repeat(line, 3))
	names := followed(t, path, int64(len(line)+20))
	wantNames(t, names, fmt.Sprint("kind ", accesslog.Broken), "a.example.com")
	names = followed(t, path, 1<<20)
	wantNames(t, names, "a.example.com", "a.example.com", "a.example.com")
}

func TestTailOfADirectoryIsRefused(t *testing.T) {
	if _, err := OpenTail(t.Context(), t.TempDir(), 0); err == nil {
		t.Error("a directory is followed, and nothing will ever come")
	}
}

func TestTailEndsThoughThereIsMore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	testfile.Append(t, path, refusal(web, "a.example.com", "no_rule"))
	ctx, cancel := context.WithCancel(t.Context())
	tail, err := OpenTail(ctx, path, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer tail.Close()
	cancel()
	if n, err := tail.Read(make([]byte, 10)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("Read = %d, %v, want 0, EOF", n, err)
	}
}
