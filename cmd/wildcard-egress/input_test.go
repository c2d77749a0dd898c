package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The gateway refuses it, and the manifests would give it an end mark.
func TestPolicyWithoutANewlineAtItsEndIsNoPolicy(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte(strings.TrimSuffix(goodPolicy, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"check", file}, {"lint", file}, {"istio", file}, {"bootstrap", "sidecar", file, "--gateway", "127.0.0.1:1"}} {
		root := newRootCommand()
		var out bytes.Buffer
		root.SetArgs(args)
		root.SetOut(&out)
		root.SetErr(&out)
		if err := root.Execute(); err == nil || !strings.Contains(err.Error(), "policy.yaml:1:69: no newline at the end") {
			t.Errorf("%s: %v, want where the newline is missing", args, err)
		}
	}
}
