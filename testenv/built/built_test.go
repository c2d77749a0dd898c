package built

import (
	"testing"
	"testing/fstest"
	"time"
)

func TestNewestSource(t *testing.T) {
	at := func(minute int) *fstest.MapFile {
		return &fstest.MapFile{ModTime: time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC)}
	}
	for name, tt := range map[string]struct {
		newer map[string]*fstest.MapFile
		want  string
	}{
		"Go source counts":                 {newer: fstest.MapFS{"filter/a.go": at(2)}, want: "filter/a.go"},
		"C source counts":                  {newer: fstest.MapFS{"envoy/hooks.c": at(2)}, want: "envoy/hooks.c"},
		"headers count":                    {newer: fstest.MapFS{"envoy/abi.h": at(2)}, want: "envoy/abi.h"},
		"the choice of libraries counts":   {newer: fstest.MapFS{"go.sum": at(2)}, want: "go.sum"},
		"tests do not count":               {newer: fstest.MapFS{"filter/a_test.go": at(2)}, want: "go.mod"},
		"testenv does not count":           {newer: fstest.MapFS{"testenv/a.go": at(2)}, want: "go.mod"},
		"what was built does not count":    {newer: fstest.MapFS{"build/libwildcard_egress.h": at(2)}, want: "go.mod"},
		"hidden folders do not count":      {newer: fstest.MapFS{".git/a.go": at(2)}, want: "go.mod"},
		"documents do not count":           {newer: fstest.MapFS{"README.md": at(2)}, want: "go.mod"},
		"the newest of several is the one": {newer: fstest.MapFS{"a/a.go": at(2), "b/b.go": at(3), "c/c.go": at(2)}, want: "b/b.go"},
	} {
		t.Run(name, func(t *testing.T) {
			tree := fstest.MapFS{"go.mod": at(1), "cmd/main.go": at(0)}
			for path, file := range tt.newer {
				tree[path] = file
			}
			got, changed, err := newestSource(tree)
			if err != nil || got != tt.want || !changed.Equal(tree[tt.want].ModTime) {
				t.Errorf("newestSource = %s, %v, %v; want %s", got, changed, err, tt.want)
			}
		})
	}
}
