// Package folder writes rendered files: whole or not at all, and never over
// what somebody else has put there.
package folder

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// TemporaryPrefix begins the names of what is not whole yet, beside its place.
const TemporaryPrefix = ".wildcard-egress-"

// Files is the content of a folder, by the files' names. It has no folders in
// it.
type Files map[string][]byte

// Stale compares dir with what it should hold, and returns the paths that
// differ, are missing or are too many, sorted.
func Stale(dir string, want Files) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var stale []string
	for _, entry := range entries {
		if _, wanted := want[entry.Name()]; !wanted {
			stale = append(stale, filepath.Join(dir, entry.Name()))
		}
	}
	for name, content := range want {
		path := filepath.Join(dir, name)
		got, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if err != nil || !bytes.Equal(got, content) {
			stale = append(stale, path)
		}
	}
	slices.Sort(stale)
	return stale, nil
}

// Read returns what dir has; nothing if it is not there. Folders in it are left
// out.
func Read(dir string) (Files, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	files := Files{}
	for _, entry := range entries {
		if err == nil && !entry.IsDir() {
			files[entry.Name()], err = os.ReadFile(filepath.Join(dir, entry.Name()))
		}
	}
	return files, err
}

// Replace makes dir hold exactly files, at once: an error leaves it as it was.
// It takes the place of nothing but files that begin with header. The folders
// above it are made.
func Replace(dir string, files Files, header []byte) error {
	// The name of a link stays, and what it leads to is replaced.
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	dir = filepath.Clean(dir)
	if err := mayReplace(dir, header); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	fresh, err := os.MkdirTemp(filepath.Dir(dir), TemporaryPrefix+"*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(fresh) // the old files, once they have changed places
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(fresh, name), content, 0o644); err != nil {
			return err
		}
	}
	if err := os.Chmod(fresh, 0o755); err != nil {
		return err
	}
	err = unix.Renameat2(unix.AT_FDCWD, fresh, unix.AT_FDCWD, dir, unix.RENAME_EXCHANGE)
	if errors.Is(err, unix.ENOENT) {
		err = os.Rename(fresh, dir)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	return nil
}

// mayReplace refuses a folder with anything that does not begin with header.
func mayReplace(dir string, header []byte) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, entry := range entries {
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil || !bytes.HasPrefix(text, header) {
			return fmt.Errorf("%s is not of this command's making; choose another folder, or remove it",
				filepath.Join(dir, entry.Name()))
		}
	}
	return nil
}

// ReplaceFile writes a file whole or not at all. It takes the place of nothing
// but a regular file that is empty or begins with header.
func ReplaceFile(path string, data, header []byte) error {
	if err := mayReplaceFile(path, header); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), TemporaryPrefix+"*")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name()) // gone already once it is renamed
	_, err = temporary.Write(data)
	err = errors.Join(err, temporary.Chmod(0o644), temporary.Close())
	if err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}

// mayReplaceFile reads no device or pipe, which might not end.
func mayReplaceFile(path string, header []byte) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var text []byte
	if err == nil && info.Mode().IsRegular() {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || len(text) > 0 && !bytes.HasPrefix(text, header) {
		return fmt.Errorf("%s is not of this command's making; choose another file, or remove it", path)
	}
	return nil
}
