package analysis_test

import (
	"strings"
	"testing"

	"wildcard-egress/filter/policy/analysis"
	"wildcard-egress/filter/policy/document"
)

func TestLintTellsOfLimitsThatAreNeverReached(t *testing.T) {
	for rule, want := range map[string]string{
		"hosts: [a.com, b.com], limits: {per_caller: {names: 2}}":              "a limit of 2 names is never reached: its hosts are 2 names",
		"hosts: [a.com, b.com], limits: {total: {names: 1}}":                   "",
		"hosts: ['*.example.com'], limits: {total: {names: 100}}":              "",
		"hosts: [a.com], mode: shadow, limits: {total: {connections: 1}}":      "a rule in shadow mode lets nothing through",
		"hosts: [a.com], limits: {mode: shadow, per_caller: {connections: 1}}": "",
	} {
		d, err := document.Parse("p", []byte("version: 1\nrules: [{name: a, "+rule+"}]\n"))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, f := range analysis.Lint(d, analysis.LintOptions{}) {
			if f.Check == "unreachable-limits" {
				got += f.Message
			}
		}
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", rule, got, want)
		}
	}
}
