package logs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wildcard-egress/testenv/logs"
)

func TestAccessLogReadsWhileItIsWritten(t *testing.T) {
	log := logs.At(filepath.Join(t.TempDir(), "access.json"))
	file, err := os.Create(log.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, step := range []struct {
		name   string
		append string
		want   []string // server names
	}{
		{name: "nothing yet"},
		{name: "half a line is none", append: `{"server_name":"one.exam`},
		{name: "the other half makes it one", append: `ple.com","bytes_sent":12345678}` + "\n", want: []string{"one.example.com"}},
		{name: "two at once", append: `{"server_name":"two.example.com"}` + "\n" + `{"server_name":null}` + "\n" + `{`,
			want: []string{"one.example.com", "two.example.com", ""}},
	} {
		if _, err := file.WriteString(step.append); err != nil {
			t.Fatal(err)
		}
		entries, err := log.Entries()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range entries {
			got = append(got, e.Get("server_name"))
		}
		if strings.Join(got, ",") != strings.Join(step.want, ",") {
			t.Errorf("%s: server names %q, want %q", step.name, got, step.want)
		}
	}
	entry := log.WantEntry(t, logs.Named("one.example.com"))
	if got := entry.Get("bytes_sent"); got != "12345678" {
		t.Errorf("bytes_sent = %s, want 12345678", got)
	}
	if got := entry.Get("no_such_field"); got != "" {
		t.Errorf("a field that is not there = %q, want it empty", got)
	}
}

func TestAccessLogRefusesOtherText(t *testing.T) {
	log := logs.At(filepath.Join(t.TempDir(), "access.json"))
	if err := os.WriteFile(log.Path(), []byte("{}\nnot json\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := log.Entries()
	if err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("error %v, want one about line 2", err)
	}
}
