package livepolicy_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"wildcard-egress/livepolicy"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// write changes a file in place.
func write(t *testing.T, path, content string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(content), 0o600))
}

// replace renames a new file over the old one.
func replace(t *testing.T, path, content string) {
	t.Helper()
	write(t, path+".next", content)
	must(t, os.Rename(path+".next", path))
}

func wantRules(t *testing.T, l *livepolicy.Lineage, n int) {
	t.Helper()
	soon(t, "the new policy is in force", func() bool { return l.Status().Rules == n && l.Status().Problem == nil })
}

// A place is a folder where a case begins with a policy of one rule, at the
// path that before returns, and makes it one of two rules.
func TestChangedFileComesIntoForce(t *testing.T) {
	for name, tt := range map[string]struct {
		before func(t *testing.T, dir string) (path string)
		change func(t *testing.T, dir, path string)
	}{
		"an editor renames": {change: func(t *testing.T, _, path string) { replace(t, path, rules(2)) }},
		"it is truncated and written": {change: func(t *testing.T, _, path string) {
			must(t, os.Truncate(path, 0))
			write(t, path, rules(2))
		}},
		"it is deleted and created": {change: func(t *testing.T, _, path string) {
			must(t, os.Remove(path))
			write(t, path, rules(2))
		}},
		"Kubernetes turns ..data": {before: kubernetesVolume, change: func(t *testing.T, dir, _ string) {
			must(t, os.Mkdir(dir+"/..2025", 0o700))
			write(t, dir+"/..2025/policy.yaml", rules(2))
			must(t, os.Symlink("..2025", dir+"/..data_tmp"))
			must(t, os.Rename(dir+"/..data_tmp", dir+"/..data"))
			must(t, os.RemoveAll(dir+"/..2024"))
		}},
		"a link above it is turned": {before: func(t *testing.T, dir string) string {
			kubernetesVolume(t, dir)
			return dir + "/..data/policy.yaml"
		}, change: func(t *testing.T, dir, _ string) {
			must(t, os.Mkdir(dir+"/..2025", 0o700))
			write(t, dir+"/..2025/policy.yaml", rules(2))
			must(t, os.Symlink("..2025", dir+"/..data_tmp"))
			must(t, os.Rename(dir+"/..data_tmp", dir+"/..data"))
		}},
		"its directory is replaced": {before: inDirectory, change: func(t *testing.T, dir, path string) {
			must(t, os.Rename(dir+"/d", dir+"/old"))
			must(t, os.Mkdir(dir+"/d", 0o700))
			write(t, path, rules(2))
		}},
		"its directory is deleted and made again": {before: inDirectory, change: func(t *testing.T, dir, path string) {
			must(t, os.RemoveAll(dir+"/d"))
			must(t, os.Mkdir(dir+"/d", 0o700))
			write(t, path, rules(2))
		}},
		"the file that it links to is written": {before: func(t *testing.T, dir string) string {
			path := inDirectory(t, dir)
			must(t, os.Symlink(path, dir+"/link.yaml"))
			return dir + "/link.yaml"
		}, change: func(t *testing.T, dir, _ string) { write(t, dir+"/d/policy.yaml", rules(2)) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.before == nil {
				tt.before = inDirectory
			}
			dir := t.TempDir()
			path := tt.before(t, dir)
			r := (&news{}).registry(t)
			use := r.File(path, livepolicy.EndMarkInPlace)
			defer r.Release(use)
			write(t, path, rules(3)) // once this is seen, the watching has begun
			wantRules(t, use.Lineage, 3)
			began := time.Now()
			tt.change(t, dir, path)
			wantRules(t, use.Lineage, 2)
			if !allows(use.Policy(), "h1.example.com") {
				t.Error("the policy in force is not the file's")
			}
			t.Logf("in force after %v", time.Since(began).Round(time.Millisecond))
		})
	}
}

func inDirectory(t *testing.T, dir string) string {
	t.Helper()
	must(t, os.Mkdir(dir+"/d", 0o700))
	write(t, dir+"/d/policy.yaml", rules(1))
	return dir + "/d/policy.yaml"
}

// kubernetesVolume is what the kubelet makes of a ConfigMap.
func kubernetesVolume(t *testing.T, dir string) string {
	t.Helper()
	must(t, os.Mkdir(dir+"/..2024", 0o700))
	write(t, dir+"/..2024/policy.yaml", rules(1))
	must(t, os.Symlink("..2024", dir+"/..data"))
	must(t, os.Symlink("..data/policy.yaml", dir+"/policy.yaml"))
	return dir + "/policy.yaml"
}

// The module's own access log may lie beside the policy.
func TestBusyDirectoryDoesNotDelayThePolicy(t *testing.T) {
	r := (&news{}).registry(t)
	path := inDirectory(t, t.TempDir())
	use := r.File(path, livepolicy.EndMarkInPlace)
	defer r.Release(use)
	write(t, path, rules(2)) // once this is seen, the watching has begun
	wantRules(t, use.Lineage, 2)
	done := make(chan struct{})
	var busy sync.WaitGroup
	busy.Go(func() {
		for tick := time.NewTicker(time.Millisecond); ; {
			select {
			case <-done:
				tick.Stop()
				return
			case <-tick.C:
				if err := os.WriteFile(path+".log", nil, 0o600); err != nil {
					t.Error(err)
				}
			}
		}
	})
	replace(t, path, rules(3))
	wantRules(t, use.Lineage, 3) // though there is no moment without a write
	close(done)
	busy.Wait()
}

// Whoever writes can set the time of modification, but not that of the change.
func TestWriteThatKeepsSizeAndTimeIsSeen(t *testing.T) {
	r := (&news{}).registry(t)
	path := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, path, strings.Replace(rules(1), "h0", "h8", 1))
	info, err := os.Stat(path)
	must(t, err)
	use := r.File(path, livepolicy.EndMarkInPlace)
	defer r.Release(use)
	write(t, path, strings.Replace(rules(1), "h0", "h9", 1))
	must(t, os.Chtimes(path, info.ModTime(), info.ModTime()))
	soon(t, "the second write is in force", func() bool { return allows(use.Policy(), "h9.example.com") })
}
