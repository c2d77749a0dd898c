package testenv

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
)

// DefaultEnvoyVersion is the Envoy that runs when nothing else is chosen.
const DefaultEnvoyVersion = "1.40.0"

// FindEnvoy returns the binary that the environment chooses: ENVOY is its
// path, ENVOY_VERSION one of the fetched versions.
func FindEnvoy() (string, error) {
	if path := os.Getenv("ENVOY"); path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("ENVOY: %w; give the path of an Envoy, or unset it", err)
		}
		return path, nil
	}
	if version := os.Getenv("ENVOY_VERSION"); version != "" {
		return FetchedEnvoy(version)
	}
	return FetchedEnvoy(DefaultEnvoyVersion)
}

// FetchedEnvoy returns the binary of a version that `make envoy` has fetched.
func FetchedEnvoy(version string) (string, error) {
	root, err := ModuleRoot()
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

// EnvoyVersion asks the binary for its version, such as "1.40.0".
func EnvoyVersion(ctx context.Context, binary string) (string, error) {
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

// ModuleRoot returns the folder of the nearest go.mod, upward from the working
// directory.
func ModuleRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s: no go.mod here or above; run it inside the repository", start)
		}
	}
}
