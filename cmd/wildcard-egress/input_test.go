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

func TestADeviceThatNeverEndsIsNotReadForEver(t *testing.T) {
	root := newRootCommand()
	root.SetArgs([]string{"check", "/dev/zero"})
	root.SetOut(&bytes.Buffer{})
	if err := root.Execute(); err == nil || !strings.Contains(err.Error(), "/dev/zero: more than 134217728 bytes") {
		t.Errorf("%v, want that it is too large", err)
	}
}

func TestAnswersCannotSteerATerminal(t *testing.T) {
	var out bytes.Buffer
	text := "a\x1b[31m\u009b\x7f\tb\r\n\xffé"
	n, err := (&answer{to: &out}).Write([]byte(text))
	if want := `a\u001b[31m\u009b\u007f` + "\tb\r\n\xffé"; n != len(text) || err != nil || out.String() != want {
		t.Errorf("%d, %v: %q, want %q", n, err, out.String(), want)
	}
}
