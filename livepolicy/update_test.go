package livepolicy

import (
	"os"
	"path/filepath"
	"testing"
)

// The watch is driven by hand here: what matters is what does not happen.
func TestLookingAgainIsNoNews(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	told := 0
	r := &Registry{OnChange: func(Change) { told++ }}
	w := &watch{registry: r, lineage: &Lineage{}, path: path}
	for _, step := range []struct {
		name    string
		content string // empty: no file
		want    int    // news so far
	}{
		{name: "missing", want: 1},
		{name: "broken", content: "version: 1\n...\n", want: 2},
		{name: "broken in the same way by other content", content: "version: 1 #\n...\n", want: 3},
		{name: "good", content: "version: 1\nrules: [{name: a, hosts: [a.example.com]}]\n...\n", want: 4},
		{name: "missing again", want: 5},
		{name: "the same good content again", content: "version: 1\nrules: [{name: a, hosts: [a.example.com]}]\n...\n", want: 6},
	} {
		if err := os.WriteFile(path, []byte(step.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if step.content == "" {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		w.events.arrival = closed
		for range 3 {
			w.update()
		}
		if told != step.want {
			t.Errorf("%s: %d news, want %d", step.name, told, step.want)
		}
	}
}

func TestUnreadableFileIsTriedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(path, []byte("version: 1\nrules: [{name: a, hosts: [a.example.com]}]\n...\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := &watch{registry: &Registry{}, lineage: &Lineage{}, path: path}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	// As after a read that failed: the file looked the same then.
	w.tried, w.seen = true, fingerprint{}
	w.update()
	if w.lineage.Newest() != nil {
		t.Fatal("a file that came in an unknown way is taken at once")
	}
	w.waiting.since = w.waiting.since.Add(-steady)
	w.update()
	if w.lineage.Newest() == nil || w.seen.info == nil || !os.SameFile(w.seen.info, info) {
		t.Error("a file that could not be read is not tried again while it looks the same")
	}
}
