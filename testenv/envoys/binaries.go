package envoys

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"

	"wildcard-egress/testenv/built"
)

// DefaultVersion is the Envoy that runs when nothing else is chosen.
const DefaultVersion = "1.40.0"

// Find returns the binary that the environment chooses: ENVOY is its
// path, ENVOY_VERSION one of the fetched versions.
func Find() (string, error) {
	if path := os.Getenv("ENVOY"); path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("ENVOY: %w; give the path of an Envoy, or unset it", err)
		}
		return path, nil
	}
	if version := os.Getenv("ENVOY_VERSION"); version != "" {
		return Fetched(version)
	}
	return Fetched(DefaultVersion)
}

// Fetched returns the binary of a version that `make envoy` has fetched.
func Fetched(version string) (string, error) {
	root, err := built.Root()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, "build", "envoy-"+version, "envoy")
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("envoy %s is missing; get it: make envoy ENVOY_VERSION=%s", version, version)
	}
	return path, nil
}

var envoyVersionPattern = regexp.MustCompile(`/(\d+\.\d+\.\d+)[^/]*/`)

// Version asks the binary for its version, such as "1.40.0".
func Version(ctx context.Context, binary string) (string, error) {
	out, err := exec.CommandContext(ctx, binary, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", binary, err)
	}
	match := envoyVersionPattern.FindSubmatch(out)
	if match == nil {
		return "", fmt.Errorf("%s --version: no version in %q", binary, out)
	}
	return string(match[1]), nil
}
