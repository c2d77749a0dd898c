package livepolicy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"weak"

	"wildcard-egress/livepolicy"
)

func TestSameContentIsCompiledOnce(t *testing.T) {
	r := (&news{}).registry(t)
	path := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, path, rules(2))
	file := r.File(path, livepolicy.EndMarkInPlace)
	defer r.Release(file)
	for _, u := range []*livepolicy.Use{settled(r, "a", rules(2)), settled(r, "a", rules(2)), settled(r, "b", rules(2))} {
		if u.Policy() != file.Policy() {
			t.Error("the same content was compiled again")
		}
		if got, want := u.Lineage.Status().Version, file.Lineage.Status().Version; got != want || got>>48 != 0 {
			t.Errorf("version %d and %d of the same content; want one of 48 bits", got, want)
		}
	}
}

func TestPolicyIsFreedWithItsLastConfiguration(t *testing.T) {
	r := (&news{}).registry(t)
	old := settled(r, "egress", rules(2))
	known := weak.Make(old.Policy())
	settled(r, "egress", rules(3))
	runtime.GC()
	if known.Value() == nil {
		t.Fatal("freed while a configuration has it")
	}
	r.Release(old)
	old = nil
	soon(t, "the old policy is freed", func() bool { runtime.GC(); return known.Value() == nil })
}

func TestEndOfTheLastUseEndsTheWatching(t *testing.T) {
	r := (&news{}).registry(t)
	path := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, path, rules(1))
	before := runtime.NumGoroutine()
	one, two := r.File(path, livepolicy.EndMarkInPlace), r.File(path, livepolicy.EndMarkInPlace)
	if one.Lineage != two.Lineage {
		t.Fatal("one file has two lineages")
	}
	r.Release(one)
	write(t, path, rules(2))
	wantRules(t, two.Lineage, 2)
	r.Release(two)
	soon(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= before })
	soon(t, "no inotify instance is left", func() bool { return inotifyInstances(t) == 0 })
	if _, ok := r.Newest(two.ID); ok {
		t.Error("the use is still known")
	}
	third := r.File(path, livepolicy.EndMarkInPlace)
	defer r.Release(third)
	if third.Lineage == one.Lineage || third.Lineage.Status().Rules != 2 {
		t.Error("a later user of the file does not start afresh")
	}
}

func inotifyInstances(t *testing.T) (n int) {
	t.Helper()
	files, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if target, err := os.Readlink(file); err == nil && target == "anon_inode:inotify" {
			n++
		}
	}
	return n
}

// Run it with -race: configurations come and go while their file is edited.
func TestManyThreadsAtOnce(t *testing.T) {
	var r livepolicy.Registry
	var told sync.Map
	r.OnChange = func(c livepolicy.Change) { told.Store(c.Lineage.Name, c.Lineage.Status()) }
	r.OnPanic = func(recovered any) { t.Errorf("panic: %v", recovered) }
	path := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, path, rules(1))
	var running sync.WaitGroup
	for thread := range 4 {
		running.Go(func() {
			for i := range 50 {
				file := r.File(path, livepolicy.EndMarkInPlace)
				inline := settled(&r, fmt.Sprint("egress", thread%2), rules(1+i%3))
				if file.Policy() == nil || inline.Policy() == nil {
					t.Error("no policy")
				}
				r.Newest(inline.ID)
				r.Release(inline)
				r.Release(file)
			}
		})
	}
	for i := range 20 {
		replace(t, path, rules(1+i))
	}
	running.Wait()
}
