// Package repository checks what no single room can: that the pages can be
// read and followed, and that the walls between the rooms stand.
package repository

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

const widest = 120 // columns of a line of prose

func TestProseIsWrapped(t *testing.T) {
	for _, page := range pages(t) {
		for number, line := range prose(t, page) {
			if columns := utf8.RuneCountInString(line); columns > widest && !strings.HasPrefix(line, "|") && !isLink(line) {
				t.Errorf("%s:%d: %d columns; wrap prose at %d", page, number+1, columns, widest)
			}
		}
	}
}

// isLink says whether a line is too long for the sake of one word, which can't be wrapped.
func isLink(line string) bool {
	words := strings.Fields(line)
	return slices.ContainsFunc(words, func(w string) bool { return utf8.RuneCountInString(w) > widest-20 })
}

var links = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)

func TestLinksLeadSomewhere(t *testing.T) {
	for _, page := range pages(t) {
		for number, line := range prose(t, page) {
			for _, link := range links.FindAllStringSubmatch(line, -1) {
				if _, err := os.Stat(filepath.Join(filepath.Dir(page), link[1])); err != nil {
					t.Errorf("%s:%d: link to %s, which is not there", page, number+1, link[1])
				}
			}
		}
	}
}

// prose returns the lines of a page, with those of code blocks empty.
func prose(t *testing.T, page string) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	code := false
	for i, line := range lines {
		fence := strings.HasPrefix(strings.TrimSpace(line), "```")
		if fence {
			code = !code
		}
		if code || fence || strings.HasPrefix(line, "    ") {
			lines[i] = ""
		}
	}
	return lines
}

// pages are the Markdown files that people write; build/ has fetched ones.
func pages(t *testing.T) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (path == "build" || path == ".git"):
			return fs.SkipDir
		case filepath.Ext(path) == ".md":
			found = append(found, path)
		}
		return nil
	})
	if err != nil || len(found) == 0 {
		t.Fatalf("%d pages found, %v", len(found), err)
	}
	return found
}

// The walls: what a room must not link, not even through others. A linter sees
// only what a file imports itself.
func TestWallsBetweenRooms(t *testing.T) {
	for name, wall := range map[string]struct{ room, without string }{
		"what decides knows nothing of Envoy's side": {
			room: "./filter/...", without: `^wildcard-egress/(envoy|bootstrap|livepolicy|preflight|accesslog|cmd)(/|$)`,
		},
		"what can be written decides nothing": {
			room: "./filter/policy/document", without: `^wildcard-egress/filter/policy($|/analysis|/internal)`,
		},
		"the module links no tools": {
			room: "./cmd/libwildcard_egress", without: `^wildcard-egress/(filter/policy/analysis|filter/policy/internal|bootstrap|preflight|testenv)(/|$)|/cobra$`,
		},
		"what hosts the filter knows no names and no rules": {
			room: "./envoy", without: `^wildcard-egress/(filter|livepolicy|bootstrap|preflight|cmd)(/|$)`,
		},
		"what renders and asks does not need the module": {
			room: "./cmd/wildcard-egress", without: `^wildcard-egress/(envoy|testenv)(/|$)`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			forbidden := regexp.MustCompile(wall.without)
			for _, dependency := range list(t, "-deps", wall.room) {
				if forbidden.MatchString(dependency) {
					t.Errorf("%s links %s; go list -deps says through what", wall.room, dependency)
				}
			}
		})
	}
}

func TestOnlyTheHostHasCgo(t *testing.T) {
	for _, room := range list(t, "-f", "{{if .CgoFiles}}{{.ImportPath}}{{end}}", "./...") {
		if !strings.HasPrefix(room, "wildcard-egress/envoy") {
			t.Errorf("%s has cgo; only envoy/ may", room)
		}
	}
}

// What only tests or tools need has a module of its own (testenv, tools), so that
// a bill of materials and a vulnerability scan speak of the product.
func TestTheModuleRequiresWhatTheProductLinks(t *testing.T) {
	linked := list(t, "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./cmd/...")
	for _, module := range list(t, "-m", "-f", "{{if not .Indirect}}{{.Path}}{{end}}", "all") {
		if !slices.Contains(linked, module) {
			t.Errorf("go.mod requires %s, which the product does not link; a test that needs it goes to testenv/", module)
		}
	}
}

// list returns what `go list` prints, line by line.
func list(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("go list %v: %s", args, exit.Stderr)
	} else if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}

// Operators find each reason that a refusal can give.
func TestAllReasonsAreExplained(t *testing.T) {
	const page = "docs/operations.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	reason := regexp.MustCompile(`Reason\s+= "([a-z_]+)"`)
	for _, file := range []string{"filter/reason.go", "filter/policy/decision.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := reason.FindAllSubmatch(source, -1)
		if len(found) < 3 {
			t.Errorf("%s: %d names found", file, len(found))
		}
		for _, name := range found {
			if !regexp.MustCompile("[`.]" + string(name[1]) + "`").Match(text) {
				t.Errorf("%s does not tell of %q (%s)", page, name[1], file)
			}
		}
	}
}
