package livepolicy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/analysis"
	"wildcard-egress/filter/policy/document"
)

// A policy of which a part arrived is never put in force, wherever it was cut
// and in whichever way it came: with the end mark in every way; without it when
// it was written in place.
func TestNoPartOfAnExampleIsTaken(t *testing.T) {
	cuts, valid, opening, renamed, sent := 0, 0, 0, 0, 0
	examples := examplePolicies(t)
	for name, text := range examples {
		for cut := range len(text) {
			part := text[:cut]
			cuts++
			opens, isPolicy := opens(text, part)
			if isPolicy {
				valid++
			}
			if !opens {
				continue
			}
			opening++
			if taken(text, part, EndMarkInPlace, true) {
				t.Errorf("%s, cut after %d bytes and written in place, is in force:\n%s", name, cut, part)
			}
			if taken(text, part, EndMarkInPlace, false) {
				renamed++
			}
			if takenInline(text, part) {
				sent++
			}
		}
		whole := document.WithEndMark(text)
		for cut := range whole {
			part := whole[:cut]
			if opens, _ := opens(whole, part); opens && (taken(whole, part, EndMarkInPlace, false) || takenInline(whole, part)) {
				t.Errorf("%s, cut after %d bytes of its form with the end mark, is in force:\n%s", name, cut, part)
			}
		}
		if !taken(text[:0], whole, EndMarkAlways, true) {
			t.Errorf("%s is not taken whole", name)
		}
	}
	t.Logf("%d policies, %d cuts: %d are policies, %d allow what the whole denies; taken without end mark: in place none, by rename %d, inline %d",
		len(examples), cuts, valid, opening, renamed, sent)
}

// opens says whether part is a policy, and allows anything that whole denies.
func opens(whole, part []byte) (opens, isPolicy bool) {
	d, err := document.Parse("part", part)
	if err != nil {
		return false, false
	}
	before, err := document.Parse("whole", whole)
	return err == nil && slices.ContainsFunc(analysis.Compare(before, d, analysis.Options{}).Changes, func(c analysis.Change) bool {
		return c.New.Action == policy.Allow && c.Old.Action != policy.Allow
	}), true
}

// taken says whether a watch that has whole in force puts part in force.
func taken(whole, part []byte, endMark EndMark, inPlace bool) bool {
	w := &watch{registry: &Registry{}, lineage: &Lineage{}, path: "policy.yaml", endMark: EndMarkNever}
	if len(whole) > 0 && whole[len(whole)-1] != '\n' {
		whole = append(whole[:len(whole):len(whole)], '\n')
	}
	w.take(whole, fingerprint{}, false, nil)
	before := w.lineage.Newest()
	w.endMark = endMark
	w.take(part, fingerprint{}, inPlace, nil)
	return w.lineage.Newest() != before
}

// takenInline is taken for configurations of one filter_name.
func takenInline(whole, part []byte) bool {
	r := &Registry{}
	r.Settle(r.Inline("egress", whole, EndMarkInPlace))
	u := r.Inline("egress", part, EndMarkInPlace)
	r.Settle(u)
	return u.Lineage.Status().Problem == nil
}

// examplePolicies are the policies in all of the repository's pages, scripts,
// examples and tests, by their places.
func examplePolicies(t *testing.T) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	known := map[string]bool{}
	add := func(place, text string) {
		text = strings.TrimLeft(text, "\n")
		if d, err := document.Parse(place, []byte(text)); err == nil && len(d.Rules) > 0 && len(text) < 4<<10 && !known[text] {
			known[text] = true
			found[place] = []byte(text)
		}
	}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name := entry.Name(); name == "build" || strings.HasPrefix(name, ".") && name != ".." {
				return filepath.SkipDir
			}
			return nil
		}
		for i, text := range policiesIn(t, path) {
			add(path+":"+strconv.Itoa(i), text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 20 {
		t.Fatalf("only %d policies found", len(found))
	}
	return found
}

// begin is the first line of a policy, indented as in a page or not.
var begin = regexp.MustCompile(`(?m)^( *)version: 1$`)

func policiesIn(t *testing.T, path string) (texts []string) {
	t.Helper()
	switch filepath.Ext(path) {
	case ".go":
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if text, err := strconv.Unquote(lit.Value); err == nil && strings.Contains(text, "version") {
					texts = append(texts, text)
				}
			}
			return true
		})
	case ".md", ".txtar", ".yaml":
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range begin.FindAllSubmatchIndex(content, -1) {
			texts = append(texts, block(string(content[at[0]:]), at[3]-at[2]))
		}
	}
	return texts
}

// block is the text up to the first line that is indented less.
func block(text string, indent int) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, strings.Repeat(" ", indent))
		if !ok && strings.TrimSpace(line) != "" || strings.HasPrefix(rest, "```") || strings.HasPrefix(rest, "-- ") {
			break
		}
		b.WriteString(strings.TrimLeft(rest, "\n"))
	}
	return b.String()
}
