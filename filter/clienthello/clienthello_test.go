package clienthello_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"

	"wildcard-egress/filter/clienthello"
)

// goHello returns what crypto/tls sends first.
func goHello(t testing.TB, config *tls.Config) []byte {
	t.Helper()
	var sent bytes.Buffer
	conn := tls.Client(recorder{written: &sent}, config)
	if err := conn.Handshake(); err == nil {
		t.Fatal("the handshake ended without a server")
	}
	return sent.Bytes()
}

// recorder is a connection whose peer says nothing.
type recorder struct {
	net.Conn
	written *bytes.Buffer
}

func (r recorder) Read([]byte) (int, error)    { return 0, io.EOF }
func (r recorder) Write(b []byte) (int, error) { return r.written.Write(b) }

func TestFeedReadsGoHello(t *testing.T) {
	raw := goHello(t, &tls.Config{ServerName: "en.wikipedia.org"})
	for split := range raw {
		var p clienthello.Parser
		if split > 0 {
			if _, err := p.Feed(raw[:split]); !errors.Is(err, clienthello.ErrIncomplete) {
				t.Fatalf("Feed(first %d bytes) = %v, want ErrIncomplete", split, err)
			}
		}
		if need := p.Need(); need < 1 || need > len(raw)-split {
			t.Fatalf("Need() after %d of %d bytes = %d", split, len(raw), need)
		}
		hello, err := p.Feed(raw[split:])
		if err != nil || string(hello.ServerName) != "en.wikipedia.org" {
			t.Fatalf("Feed(the rest from %d) = %q, %v", split, hello.ServerName, err)
		}
	}
}

func BenchmarkFeedGoHello(b *testing.B) {
	raw := goHello(b, &tls.Config{ServerName: "en.wikipedia.org", NextProtos: []string{"h2", "http/1.1"}})
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		var p clienthello.Parser
		if _, err := p.Feed(raw); err != nil {
			b.Fatal(err)
		}
	}
}
