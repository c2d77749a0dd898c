package analysis_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"wildcard-egress/filter/policy/analysis"
	"wildcard-egress/filter/policy/document"
	"wildcard-egress/filter/policy/internal/reference"
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
			if f.Check == analysis.CheckUnreachableLimits {
				got += f.Message
			}
		}
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", rule, got, want)
		}
	}
}

// A rule with limits counts its own connections, so taking it out changes something
// though another rule allows the same.
func TestLintLeavesRulesWithLimits(t *testing.T) {
	const all, reports = "{name: all, hosts: ['*.example.com']%s}", "{name: reports, hosts: [reports.example.com]%s}"
	const limits = ", limits: {per_caller: {connections: 20}}"
	for name, tt := range map[string]struct {
		all, reports string
		want         int
	}{
		"no limits":         {"", "", 1},
		"of the narrow one": {"", limits, 0},
		"of the wide one":   {limits, "", 0},
		"of both":           {limits, limits, 0},
	} {
		d := reference.Parse(t, "{version: 1, rules: ["+fmt.Sprintf(all+", "+reports, tt.all, tt.reports)+"]}")
		got := 0
		for _, f := range analysis.Lint(d, analysis.LintOptions{}) {
			if f.Check == analysis.CheckNeverDecides {
				got++
			}
		}
		if got != tt.want {
			t.Errorf("%s: %d rules never decide, want %d", name, got, tt.want)
		}
	}
}

// Who is limited no more, or by another rule's limits, is told.
func TestCompareTellsOfLimitsThatAreLeft(t *testing.T) {
	const with = "{version: 1, rules: [{name: all, hosts: ['*.example.com']}, {name: reports, hosts: [reports.example.com, b.org], limits: {total: {connections: 9}}}]}"
	for name, tt := range map[string]struct {
		text, want string
	}{
		"the rule is gone":          {"{version: 1, rules: [{name: all, hosts: ['*.example.com', b.org]}]}", "b.org reports.example.com"},
		"a host has left it":        {"{version: 1, rules: [{name: all, hosts: ['*.example.com']}, {name: reports, hosts: [b.org], limits: {total: {connections: 9}}}]}", "reports.example.com"},
		"it has another name":       {strings.ReplaceAll(with, "name: reports", "name: renamed"), ""},
		"another name, other ones":  {strings.ReplaceAll(strings.ReplaceAll(with, "name: reports", "name: renamed"), "9", "8"), "b.org reports.example.com"},
		"its limits are a setting":  {strings.ReplaceAll(with, "9", "8"), ""},
		"a rule with some is added": {with[:len(with)-2] + ", {name: more, hosts: [a.example.com], limits: {total: {connections: 5}}}]}", "a.example.com"},
	} {
		var hosts []string
		for _, c := range analysis.Compare(reference.Parse(t, with), reference.Parse(t, tt.text), analysis.Options{}).Changes {
			hosts = append(hosts, c.Host)
		}
		slices.Sort(hosts)
		if got := strings.Join(slices.Compact(hosts), " "); got != tt.want {
			t.Errorf("%s: changes for %q, want %q", name, got, tt.want)
		}
	}
}
