package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	typed = regexp.MustCompile(`(?m)^\s*(?:\$ )?(?:sudo )?wildcard-egress ([a-z].*)$`)
	flags = regexp.MustCompile(`(?:^|[\s\[])--([a-z][a-z-]*)`)
)

// What the pages tell people to type exists.
func TestPagesNameWhatExists(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) < 5 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	lines := 0
	for _, page := range append(pages, "../../README.md", "../../CONTRIBUTING.md", "../../SECURITY.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		joined := strings.ReplaceAll(string(text), "\\\n", " ")
		for _, line := range typed.FindAllStringSubmatch(joined, -1) {
			lines++
			wantKnown(t, page, strings.SplitN(line[1], "  #", 2)[0])
		}
	}
	if lines < 15 {
		t.Errorf("only %d command lines found", lines)
	}
}

// wantKnown checks a command line's command and flags. Of a|b the first is tried.
func wantKnown(t *testing.T, page, line string) {
	t.Helper()
	var words []string
	for word := range strings.FieldsSeq(line) {
		words = append(words, strings.Split(word, "|")[0])
	}
	c, _, err := newRootCommand().Find(words)
	if err != nil || !c.HasParent() {
		t.Errorf("%s: %q: no such command", page, line)
		return
	}
	c.InitDefaultHelpFlag()
	for _, flag := range flags.FindAllStringSubmatch(line, -1) {
		if c.Flag(flag[1]) == nil {
			t.Errorf("%s: %q: %s has no --%s", page, line, c.CommandPath(), flag[1])
		}
	}
}
