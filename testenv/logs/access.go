// Package logs reads access logs while Envoys write them.
package logs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"wildcard-egress/testenv/poll"
)

// logTimeout is how long an access log line may take from the end of its
// connection to the file: Envoy writes every 50 ms here, see envoys.Start.
const logTimeout = 30 * time.Second

// Access reads a file of JSON lines while Envoy writes it.
type Access struct {
	path string

	mu      sync.Mutex
	offset  int64
	entries []Entry
}

// At returns the log in the file at path, which may not be there yet.
func At(path string) *Access { return &Access{path: path} }

// Entry is one line: the fields that the bootstrap names.
type Entry map[string]any

// Get returns a field as text; empty if it is null or absent.
func (e Entry) Get(field string) string {
	if e[field] == nil {
		return ""
	}
	return fmt.Sprint(e[field])
}

// Path returns the file's path.
func (l *Access) Path() string { return l.path }

// Read returns the file's content; empty if Envoy has written nothing yet.
func (l *Access) Read() ([]byte, error) {
	content, err := os.ReadFile(l.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return content, err
}

// Entries returns all lines that are in the file now, oldest first.
func (l *Access) Entries() ([]Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	file, err := os.Open(l.path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	fresh, err := io.ReadAll(io.NewSectionReader(file, l.offset, 1<<40))
	if err != nil {
		return nil, err
	}
	for {
		line, rest, whole := bytes.Cut(fresh, []byte("\n"))
		if !whole {
			return slices.Clone(l.entries), nil // the rest is still being written
		}
		var entry Entry
		decoder := json.NewDecoder(bytes.NewReader(line))
		decoder.UseNumber() // as it is written
		if err := decoder.Decode(&entry); err != nil {
			return nil, fmt.Errorf("%s: line %d: %w: %.300q", l.path, len(l.entries)+1, err, line)
		}
		l.entries = append(l.entries, entry)
		l.offset += int64(len(line)) + 1
		fresh = rest
	}
}

// Wait returns the newest entry that match accepts, once there is one.
func (l *Access) Wait(match func(Entry) bool) (Entry, error) {
	var found Entry
	err := poll.For(logTimeout, func() error {
		entries, err := l.Entries()
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return poll.Stop(err)
		}
		for _, entry := range slices.Backward(entries) {
			if match(entry) {
				found = entry
				return nil
			}
		}
		return fmt.Errorf("%s: no such line among %d", l.path, len(entries))
	})
	return found, err
}

// WaitBeyond returns the first entry after the n oldest, once there is one.
func (l *Access) WaitBeyond(n int) (Entry, error) {
	var found Entry
	err := poll.For(logTimeout, func() error {
		entries, err := l.Entries()
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return poll.Stop(err)
		}
		if len(entries) <= n {
			return fmt.Errorf("%s: %d lines, no more", l.path, len(entries))
		}
		found = entries[n]
		return nil
	})
	return found, err
}

// From accepts the entry of the connection that came from addr, such as a
// client connection's LocalAddr.
func From(addr net.Addr) func(Entry) bool {
	return func(e Entry) bool { return e.Get("downstream_remote_address") == addr.String() }
}

// Named accepts the entries of a server name.
func Named(serverName string) func(Entry) bool {
	return func(e Entry) bool { return e.Get("server_name") == serverName }
}

// WantEntry waits for the line that match accepts and fails the test without.
func (l *Access) WantEntry(t testing.TB, match func(Entry) bool) Entry {
	t.Helper()
	entry, err := l.Wait(match)
	if err != nil {
		t.Fatal(err)
	}
	return entry
}

// WantEntries waits until there are n lines or more, and returns all.
func (l *Access) WantEntries(t testing.TB, n int) []Entry {
	t.Helper()
	if _, err := l.WaitBeyond(n - 1); err != nil {
		t.Fatal(err)
	}
	entries, err := l.Entries()
	if err != nil {
		t.Fatal(err)
	}
	return entries
}
