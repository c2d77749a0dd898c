package envoy_test

import (
	"bytes"
	"testing"

	"wildcard-egress/envoy"
	"wildcard-egress/filter/clienthello"
	"wildcard-egress/filter/clienthello/hellotest"
)

// The C reader may refuse what it likes, but what it reads the Go parser must
// read too, as the same.
func FuzzPlainHello(f *testing.F) {
	for _, c := range hellotest.All() {
		f.Add(c.Bytes)
	}
	f.Fuzz(func(t *testing.T, b []byte) { wantNotLaxer(t, b) })
}

func wantNotLaxer(t *testing.T, b []byte) {
	t.Helper()
	b = bytes.Clone(b) // an exact allocation, for the address sanitizer
	name, ech, ok := envoy.ReadHello(b, clienthello.DefaultMaxBytes)
	if !ok {
		return
	}
	parser := clienthello.Parser{}
	hello, err := parser.Feed(b)
	if err != nil || string(hello.ServerName) != name || hello.ECH != ech {
		t.Errorf("C reads %q, ECH %v; Go reads %q, ECH %v, %v in % x", name, ech, hello.ServerName, hello.ECH, err, b)
	}
}

// Every byte of every hello, changed in three ways.
func TestPlainHelloIsNeverLaxerForChangedBytes(t *testing.T) {
	for _, c := range hellotest.All() {
		for i := range min(len(c.Bytes), 1024) {
			for _, change := range []byte{1, 0x80, 0xff} {
				b := bytes.Clone(c.Bytes)
				b[i] ^= change
				wantNotLaxer(t, b)
			}
		}
	}
}

// The cache is of use only if the hellos of real clients are plain to it.
func TestPlainHelloReadsRealClients(t *testing.T) {
	for name, hello := range map[string]hellotest.Hello{
		"curl": hellotest.Curl(hellotest.Site), "Chrome": hellotest.Chrome(hellotest.Site), "Firefox": hellotest.Firefox(hellotest.Site),
	} {
		if got, _, ok := envoy.ReadHello(hellotest.Whole(hello.Message()), clienthello.DefaultMaxBytes); !ok || got != hellotest.Site {
			t.Errorf("%s: read %q, %v; want %s", name, got, ok, hellotest.Site)
		}
	}
}

func TestPlainHelloKeepsToTheLimit(t *testing.T) {
	message := hellotest.Curl(hellotest.Site).Message()
	for limit, want := range map[int]bool{len(message): true, len(message) - 1: false} {
		if _, _, ok := envoy.ReadHello(hellotest.Whole(message), limit); ok != want {
			t.Errorf("limit %d of %d bytes: read %v, want %v", limit, len(message), ok, want)
		}
	}
}
