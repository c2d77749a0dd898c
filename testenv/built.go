package testenv

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// BuiltFile returns the path of build/name. It is an error if a source is
// newer: an old build would answer for code that it does not have.
func BuiltFile(name string) (string, error) {
	root, err := ModuleRoot()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, "build", name)
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("build/%s is missing; make it: make build", name)
	}
	source, changed, err := newestSource(os.DirFS(root))
	if err != nil {
		return "", err
	}
	if changed.After(info.ModTime()) {
		return "", fmt.Errorf("build/%s is older than %s; make it again: make build", name, source)
	}
	return path, nil
}

// newestSource returns what changed last of all that goes into build/.
func newestSource(root fs.FS) (newest string, changed time.Time, err error) {
	err = fs.WalkDir(root, ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (path == "build" || path == "testenv" || len(path) > 1 && path[0] == '.'):
			return fs.SkipDir
		case !isSource(path):
			return nil
		}
		info, err := entry.Info()
		if err == nil && info.ModTime().After(changed) {
			newest, changed = path, info.ModTime()
		}
		return err
	})
	return newest, changed, err
}

func isSource(path string) bool {
	switch filepath.Ext(path) {
	case ".c", ".h", ".mod", ".sum":
		return true
	case ".go":
		return !strings.HasSuffix(path, "_test.go")
	}
	return false
}
