package livepolicy_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wildcard-egress/livepolicy"
)

func TestMissingFileDeniesUntilItAppears(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, path string){
		"in its directory":     func(t *testing.T, path string) { must(t, os.MkdirAll(filepath.Dir(path), 0o700)) },
		"with its directories": func(*testing.T, string) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var n news
			r := n.registry(t)
			path := filepath.Join(t.TempDir(), "a", "b", "policy.yaml")
			prepare(t, path)
			use := r.File(path, livepolicy.EndMarkInPlace)
			defer r.Release(use)
			if s := use.Lineage.Status(); use.Policy() != nil || s.Version != 0 || s.Problem == nil ||
				!strings.Contains(s.Problem.Error(), path+": no such file or directory; put the policy there") {
				t.Errorf("at start: policy %v, status %+v; want none, and why", use.Policy(), s)
			}
			must(t, os.MkdirAll(filepath.Dir(path), 0o700))
			replace(t, path, rules(3))
			wantRules(t, use.Lineage, 3)
			soon(t, "the missing file is told once, and then the policy", func() bool { return n.told() == "refused 3" })
		})
	}
}

func TestBrokenFileKeepsTheLastGoodPolicy(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(t *testing.T, path string)
		want  string
	}{
		"a mistake":      {spoil: func(t *testing.T, path string) { replace(t, path, broken) }, want: "policy.yaml:4:"},
		"an empty file":  {spoil: func(t *testing.T, path string) { write(t, path, "") }, want: "policy.yaml:1:"},
		"no file":        {spoil: func(t *testing.T, path string) { must(t, os.Remove(path)) }, want: "no such file"},
		"a directory":    {spoil: func(t *testing.T, path string) { must(t, os.Remove(path)); must(t, os.Mkdir(path, 0o700)) }, want: "policy.yaml"},
		"a file too big": {spoil: func(t *testing.T, path string) { must(t, os.Truncate(path, 1<<30)) }, want: "1073741824 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := (&news{}).registry(t)
			path := inDirectory(t, t.TempDir())
			use := r.File(path, livepolicy.EndMarkInPlace)
			defer r.Release(use)
			good, before := use.Policy(), use.Lineage.Status()
			tt.spoil(t, path)
			soon(t, "the problem is known", func() bool { return use.Lineage.Status().Problem != nil })
			after := use.Lineage.Status()
			if !strings.Contains(after.Problem.Error(), tt.want) {
				t.Errorf("problem %q, want %q in it", after.Problem, tt.want)
			}
			if after.Problem = nil; use.Policy() != good || after != before {
				t.Errorf("status %+v, want that of the last good policy %+v", after, before)
			}
			_ = os.Remove(path) // a directory too
			write(t, path, rules(2))
			wantRules(t, use.Lineage, 2)
		})
	}
}
