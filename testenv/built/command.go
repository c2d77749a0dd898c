package built

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// Run runs the built command and returns what it prints, also when it ends with
// an error. The error wraps the *exec.ExitError and has what it says on stderr.
func Run(ctx context.Context, args ...string) ([]byte, error) {
	dir, err := Dir()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(dir, commandFile), args...)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		name := strings.Join(args[:min(2, len(args))], " ")
		err = fmt.Errorf("wildcard-egress %s: %w: %s", name, err, bytes.TrimSpace(problems.Bytes()))
	}
	return out, err
}

// Bootstrap returns what `wildcard-egress bootstrap kind flags...` prints.
func Bootstrap(ctx context.Context, kind string, flags ...string) ([]byte, error) {
	return Run(ctx, append([]string{"bootstrap", kind}, flags...)...)
}
