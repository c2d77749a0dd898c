package built

import (
	"fmt"
	"os"
	"path/filepath"
)

// Root returns the repository's folder, upward from the working directory.
func Root() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "testenv", "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s: no testenv/go.mod here or above; run it inside the repository", start)
		}
	}
}
