package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"

	"wildcard-egress/filter/clienthello/hellotest"
)

var collected = regexp.MustCompile(`Collected : (\d+)`)

// instructionFigures counts the instructions that the C reader takes for
// hellos of real clients, in the Go benchmark format. The count does not
// depend on the machine's load; it does on compiler and processor. Go
// programs abort under valgrind, so the Go part has no such figure.
func instructionFigures(ctx context.Context, dir string) ([]byte, error) {
	binary := filepath.Join(dir, "hello_read")
	// As cgo compiles it.
	if err := command(ctx, "cc", "-O2", "-g", "-o", binary, "testenv/bench/guard/callgrind/hello_read.c", "envoy/hello.c"); err != nil {
		return nil, err
	}
	lines := []byte("pkg: wildcard-egress/envoy\n")
	for _, client := range []struct {
		name  string
		hello hellotest.Hello
	}{
		{"chrome", hellotest.Chrome(hellotest.Site)},
		{"firefox", hellotest.Firefox(hellotest.Site)},
		{"curl", hellotest.Curl(hellotest.Site)},
	} {
		file := filepath.Join(dir, client.name)
		if err := os.WriteFile(file, hellotest.Whole(client.hello.Message()), 0o600); err != nil {
			return nil, err
		}
		count, err := instructions(ctx, binary, file)
		if err != nil {
			return nil, err
		}
		lines = fmt.Appendf(lines, "BenchmarkHelloRead/%s 1 %s instructions/op\n", client.name, count)
	}
	return lines, nil
}

func instructions(ctx context.Context, binary, hello string) (string, error) {
	cmd := exec.CommandContext(ctx, "valgrind", "--tool=callgrind", "--toggle-collect=hello_read",
		"--callgrind-out-file="+hello+".callgrind", binary, hello)
	out, err := cmd.CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		return "", fmt.Errorf("%w; get it: make bench-deps", err)
	}
	if err != nil {
		return "", fmt.Errorf("valgrind: %w: %s", err, out)
	}
	match := collected.FindSubmatch(out)
	if match == nil || string(match[1]) == "0" {
		return "", fmt.Errorf("valgrind: no instructions of hello_read in: %s", out)
	}
	return string(match[1]), nil
}

func command(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}
