package livepolicy

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"
)

func packed(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPackedPolicies(t *testing.T) {
	const text = "version: 1\nrules: [{name: a, hosts: [a.example.com]}]\n"
	whole := packed(t, []byte(text))
	for name, tt := range map[string]struct {
		data []byte
		want string
		err  string
	}{
		"a text is left as it is":  {data: []byte(text), want: text},
		"a packed one is unpacked": {data: whole, want: text},
		"an empty file":            {data: nil, want: ""},
		"garbage behind the magic": {data: []byte{0x1f, 0x8b, 1, 2, 3}, err: "pack it again with gzip"},
		"a bomb":                   {data: packed(t, make([]byte, maxFileBytes+1)), err: "when unpacked"},
	} {
		got, err := unpacked("policy.yaml", tt.data)
		if string(got) != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %q, %v; want %q, %q", name, got, err, tt.want, tt.err)
		}
	}
	// gzip's checksum stands at the end: no part of a packed policy is one.
	for n := 2; n < len(whole); n++ {
		if got, err := unpacked("policy.yaml", whole[:n]); err == nil {
			t.Fatalf("cut off at %d of %d bytes: %q", n, len(whole), got)
		}
	}
}
