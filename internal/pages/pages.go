// Package pages holds the tables of the documentation against the code that has
// what they say. It is for tests.
package pages

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of the pages")

// Want fails unless page, a path, has these tables, each between two comments of
// its name: <!-- NAME: any words --> and <!-- /NAME -->. With -update it writes them.
func Want(t *testing.T, page string, tables map[string]string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want := string(text)
	for name, table := range tables {
		before, rest, found := strings.Cut(want, "<!-- "+name+":")
		words, rest, foundEnd := strings.Cut(rest, "-->\n")
		_, after, foundClose := strings.Cut(rest, "<!-- /"+name+" -->")
		if !found || !foundEnd || !foundClose {
			t.Fatalf("%s: no comments with the name %q", page, name)
		}
		want = before + "<!-- " + name + ":" + words + "-->\n" + strings.TrimRight(table, "\n") + "\n<!-- /" + name + " -->" + after
	}
	switch {
	case want == string(text):
	case *update:
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil { //nolint:gosec // tests name the page
			t.Fatal(err)
		}
	default:
		t.Errorf("%s is not as the code has it; -update writes it:\n%s", page, want)
	}
}
