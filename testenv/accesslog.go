package testenv

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
	"time"
)

// logTimeout is how long an access log line may take from the end of its
// connection to the file: Envoy writes every 50 ms here, see StartEnvoy.
const logTimeout = 10 * time.Second

// AccessLog reads a file of JSON lines while Envoy writes it.
type AccessLog struct {
	path string

	mu      sync.Mutex
	offset  int64
	entries []Entry
}

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
func (l *AccessLog) Path() string { return l.path }

// Read returns the file's content; empty if Envoy has written nothing yet.
func (l *AccessLog) Read() ([]byte, error) {
	content, err := os.ReadFile(l.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return content, err
}

// Entries returns all lines that are in the file now, oldest first.
func (l *AccessLog) Entries() ([]Entry, error) {
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
func (l *AccessLog) Wait(match func(Entry) bool) (Entry, error) {
	var found Entry
	err := pollFor(logTimeout, func() error {
		entries, err := l.Entries()
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return permanent{err}
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

// From accepts the entry of the connection that came from addr, such as a
// client connection's LocalAddr.
func From(addr net.Addr) func(Entry) bool {
	return func(e Entry) bool { return e.Get("downstream_remote_address") == addr.String() }
}

// Named accepts the entries of a server name.
func Named(serverName string) func(Entry) bool {
	return func(e Entry) bool { return e.Get("server_name") == serverName }
}
