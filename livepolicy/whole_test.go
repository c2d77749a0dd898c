package livepolicy_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wildcard-egress/livepolicy"
)

func TestEndMarkIsAskedForWhereThePolicyMayBeCutOff(t *testing.T) {
	const marked = "version: 1\nrules:\n- {name: a, hosts: [a.example.com]}\n...\n"
	unmarked := strings.TrimSuffix(marked, "...\n")
	next := func(policy string) string { return strings.Replace(policy, "hosts: [a.", "hosts: [b.", 1) }
	for name, tt := range map[string]struct {
		rule  livepolicy.EndMark
		first string
		then  func(t *testing.T, path, content string)
		next  string
		want  string // in the problem of the newest; empty: it is in force
	}{
		"without it, by rename":                   {first: unmarked, then: replace, next: next(unmarked)},
		"without it, in place":                    {first: unmarked, then: write, next: next(unmarked), want: "it did not come by rename"},
		"with it, in place":                       {first: unmarked, then: write, next: next(marked)},
		"without it after one with it, by rename": {first: marked, then: replace, next: next(unmarked), want: "the policy in force has it"},
		"the same again without it, in place":     {first: unmarked, then: write, next: unmarked},
		"JSON in place": {first: unmarked, then: write,
			next: `{"version": 1, "rules": [{"name": "a", "hosts": ["b.example.com"]}]}` + "\n"},
		"without a newline, by rename":     {first: unmarked, then: replace, next: strings.TrimSuffix(next(unmarked), "\n"), want: "no newline at its end"},
		"asked for always, by rename":      {rule: livepolicy.EndMarkAlways, first: marked, then: replace, next: next(unmarked), want: "require_end_mark is set"},
		"asked for always, of the first":   {rule: livepolicy.EndMarkAlways, first: unmarked, then: replace, next: unmarked, want: "require_end_mark is set"},
		"never asked for, in place":        {rule: livepolicy.EndMarkNever, first: marked, then: write, next: next(unmarked)},
		"never asked for, but the newline": {rule: livepolicy.EndMarkNever, first: marked, then: write, next: strings.TrimSuffix(next(unmarked), "\n"), want: "no newline at its end"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "policy.yaml")
			must(t, os.WriteFile(path, []byte(tt.first), 0o600))
			r := (&news{}).registry(t)
			use := r.File(path, tt.rule)
			defer r.Release(use)
			tt.then(t, path, tt.next)
			soon(t, "the newest file was looked at", func() bool {
				s := use.Lineage.Status()
				if tt.want == "" {
					return s.Problem == nil && s.Version == livepolicy.Version([]byte(tt.next))
				}
				return s.Problem != nil && strings.Contains(s.Problem.Error(), tt.want)
			})
		})
	}
}
