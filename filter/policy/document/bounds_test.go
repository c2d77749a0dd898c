package document_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"wildcard-egress/filter/policy/document"
)

// TestBrokenFilesCostNoMoreThanGoodOnes compares what is allocated to read files
// of one size, since that tells of time too.
func TestBrokenFilesCostNoMoreThanGoodOnes(t *testing.T) {
	const size = 1 << 19
	fill := func(head, repeated, tail string) string {
		return head + strings.Repeat(repeated, (size-len(head)-len(tail))/len(repeated)) + tail
	}
	good := func(head, rule, tail string) string {
		b := new(strings.Builder)
		b.WriteString(head)
		for i := 0; b.Len() < size; i++ {
			fmt.Fprintf(b, rule, i)
		}
		return strings.TrimSuffix(b.String(), ",") + tail
	}
	blocks := good("version: 1\nrules:\n", "- name: rule-%05d\n  hosts: [api.example.com]\n", "")
	oneLine := good(`{"version": 1, "rules": [`, `{"name": "rule-%05d", "hosts": ["api.example.com"]},`, "]}")
	// One line costs the YAML library more than many: it keeps all of it, since it
	// may be a key.
	inLines, inOne := 3*allocated(blocks), 3*allocated(oneLine)
	const head = "version: 1\nrules:\n"
	for name, text := range map[string]string{
		"a wrong field in each rule": fill(head, "- nam: x\n", ""),
		"a wrong host in each":       fill(head+"- name: a\n  hosts:\n", "  - a..b\n", ""),
		"nothing in each entry":      fill(head, "-\n", ""),
		"an anchor in each":          fill(head, "- &a x\n", ""),
		"an unquoted star in each":   fill(head, "- *a\n", ""),
		"empty lists":                fill("version: 1\nrules: [", "[],", "]"),
		"empty keys":                 fill("version: 1\nrules: [", "? ,", "]"),
		"keys without values":        fill("version: 1\nrules: {", "a,", "}"),
		"unknown fields":             fill("version: 1\n", "ab: cd\n", ""),
		"one field again and again":  fill(head+"- name: a\n  hosts: [a.b]\n", "  name: a\n", ""),
		"an open bracket":            strings.TrimSuffix(fill(head, "- {name: a, hosts: [b.c]}\n", ""), "]}\n"),
		"deep nesting":               fill(head, "- ", "a"),
		"open brackets":              fill(head, "[", ""),
		"an open quote":              fill(head+"- name: \"", "a\\n\n", ""),
		"stars on one line":          fill(head+"- [", `"a",`, "*]"),
		"documents":                  fill("", "---\na: b\n", ""),
		"a comma in each character":  fill("# comment\n", ",", ""),
		"wrong ports":                fill(head+"- name: a\n  hosts: [a.b]\n  ports: [", "0,77,", "1]"),
	} {
		allowed := inLines
		if strings.Count(text, "\n") < 10 {
			allowed = inOne
		}
		if got := allocated(text); got > allowed {
			t.Errorf("%s: %d kB are allocated, want at most %d: 3 times what a good file needs", name, got>>10, allowed>>10)
		}
	}
}

func allocated(text string) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _ = document.Parse("policy.yaml", []byte(text))
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
