// Package built finds what `make build` has made, runs the command of it, and
// refuses what is older than its sources.
package built

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const (
	moduleFile  = "libwildcard_egress.so"
	commandFile = "wildcard-egress"
)

// Dir returns the folder of the module and the command line: build/, or
// what WILDCARD_EGRESS_BUILD names, such as a build with a sanitizer. In build/
// it is an error if a source is newer: an old build would answer for code that
// it does not have. It looks once per process.
var Dir = sync.OnceValues(func() (string, error) {
	if dir := os.Getenv("WILDCARD_EGRESS_BUILD"); dir != "" {
		_, err := oldestBuilt(dir)
		return dir, err
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, "build")
	built, err := oldestBuilt(dir)
	if err != nil {
		return "", err
	}
	source, changed, err := newestSource(os.DirFS(root))
	if err == nil && changed.After(built) {
		err = fmt.Errorf("build/ is older than %s; make it again: make build", source)
	}
	return dir, err
})

func oldestBuilt(dir string) (oldest time.Time, err error) {
	for _, name := range []string{moduleFile, commandFile} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			return time.Time{}, fmt.Errorf("%w; make it: make build", err)
		}
		if oldest.IsZero() || info.ModTime().Before(oldest) {
			oldest = info.ModTime()
		}
	}
	return oldest, nil
}

// newestSource returns what changed last of all that goes into build/.
func newestSource(root fs.FS) (newest string, changed time.Time, err error) {
	err = fs.WalkDir(root, ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (path == "build" || path == "testenv" || path == "monitoring" || len(path) > 1 && path[0] == '.'):
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
	case ".html", ".css", ".js", ".svg": // of the page
		return strings.HasPrefix(path, "ui/static/")
	case ".go":
		return !strings.HasSuffix(path, "_test.go")
	}
	return false
}
