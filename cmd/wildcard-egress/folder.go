package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"wildcard-egress/bootstrap/istio"
)

// staleFiles compares a folder with what it should hold, and returns the paths
// that differ, are missing or are too many.
func staleFiles(dir string, want []istio.File) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("--check: %w", err)
	}
	var stale []string
	for _, entry := range entries {
		if !slices.Contains(names(want), entry.Name()) {
			stale = append(stale, filepath.Join(dir, entry.Name()))
		}
	}
	for _, f := range want {
		path := filepath.Join(dir, f.Name)
		got, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("--check: %w", err)
		}
		if err != nil || !bytes.Equal(got, f.Content) {
			stale = append(stale, path)
		}
	}
	slices.Sort(stale)
	return stale, nil
}

// replaceFolder makes dir hold exactly files, at once: an error leaves it as it
// was. It takes the place of nothing but a folder of this command's making.
func replaceFolder(dir string, files []istio.File) error {
	// The name of a link stays, and what it leads to is replaced.
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	dir = filepath.Clean(dir)
	if err := mayReplace(dir); err != nil {
		return fmt.Errorf("-o: %w", err)
	}
	fresh, err := os.MkdirTemp(filepath.Dir(dir), ".wildcard-egress-*")
	if err != nil {
		return fmt.Errorf("-o: %w", err)
	}
	defer os.RemoveAll(fresh) // the old files, once they have changed places
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(fresh, f.Name), f.Content, 0o644); err != nil {
			return fmt.Errorf("-o: %w", err)
		}
	}
	if err := os.Chmod(fresh, 0o755); err != nil {
		return fmt.Errorf("-o: %w", err)
	}
	err = unix.Renameat2(unix.AT_FDCWD, fresh, unix.AT_FDCWD, dir, unix.RENAME_EXCHANGE)
	if errors.Is(err, unix.ENOENT) {
		err = os.Rename(fresh, dir)
	}
	if err != nil {
		return fmt.Errorf("-o %s: %w", dir, err)
	}
	return nil
}

// mayReplace refuses a folder with anything that this command does not write.
func mayReplace(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, entry := range entries {
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil || !bytes.HasPrefix(text, []byte(istio.Header)) {
			return fmt.Errorf("%s is not of this command's making; choose another folder, or remove it",
				filepath.Join(dir, entry.Name()))
		}
	}
	return nil
}
