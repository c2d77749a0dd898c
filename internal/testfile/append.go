// Package testfile writes the files of tests.
package testfile

import (
	"os"
	"testing"
)

// Append writes text behind what the file has; without one, to a new one.
func Append(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}
