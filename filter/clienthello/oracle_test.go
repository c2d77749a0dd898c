package clienthello_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"wildcard-egress/filter/clienthello"
	"wildcard-egress/filter/clienthello/hellotest"
)

// cryptoTLS returns the server name that a crypto/tls server reads from raw.
// It is false when that refuses the hello or waits for more.
func cryptoTLS(raw []byte) (name string, read bool) {
	config := &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		name, read = hello.ServerName, true
		return nil, errors.New("that was all")
	}}
	// The handshake cannot succeed: only what it read on the way counts.
	_ = tls.Server(&pipe{in: bytes.NewReader(raw)}, config).Handshake()
	return name, read
}

// pipe is a connection that reads from in, then ends, and keeps what is
// written to it.
type pipe struct {
	net.Conn
	in  io.Reader
	out bytes.Buffer
}

func (p *pipe) Read(b []byte) (int, error)  { return p.in.Read(b) }
func (p *pipe) Write(b []byte) (int, error) { return p.out.Write(b) }

// goHello returns what a crypto/tls client sends first.
func goHello(t testing.TB, config *tls.Config) []byte {
	t.Helper()
	p := &pipe{in: strings.NewReader("")}
	if err := tls.Client(p, config).Handshake(); err == nil {
		t.Fatal("a handshake without a server succeeded")
	}
	return p.out.Bytes()
}

// checkAgainstCryptoTLS fails if the parser accepts raw and crypto/tls does
// not, or reads another name. There is one exception: crypto/tls refuses names
// with a trailing dot, which the policy accepts, so it is asked for the same
// hello with another last byte of the name.
func checkAgainstCryptoTLS(t *testing.T, raw []byte) {
	t.Helper()
	var p clienthello.Parser
	hello, err := p.Feed(raw)
	if err != nil {
		return
	}
	if last := len(hello.ServerName) - 1; hello.ServerName[last] == '.' {
		// In one record the name is borrowed from raw, so that it can be changed there.
		raw = hellotest.Whole(messageOf(raw, p.HelloBytes()))
		p = clienthello.Parser{}
		if hello, err = p.Feed(raw); err != nil {
			t.Fatalf("accepted, but refused with other records: %v", err)
		}
		hello.ServerName[last] = 'x'
	}
	name, read := cryptoTLS(raw)
	if !read {
		t.Fatalf("accepted as %q, but crypto/tls refuses it", hello.ServerName)
	}
	if name != string(hello.ServerName) {
		t.Fatalf("accepted as %q, but crypto/tls reads %q", hello.ServerName, name)
	}
}

// messageOf returns the n bytes of the handshake message in raw's records.
func messageOf(raw []byte, n int) []byte {
	var message []byte
	for len(message) < n {
		length := int(raw[3])<<8 | int(raw[4])
		message = append(message, raw[5:5+length]...)
		raw = raw[5+length:]
	}
	return message
}

func TestWhatIsAcceptedCryptoTLSReadsAsTheSameName(t *testing.T) {
	for _, c := range hellotest.All() {
		t.Run(c.Name, func(t *testing.T) { checkAgainstCryptoTLS(t, c.Bytes) })
	}
}

func TestFeedReadsTheHellosOfCryptoTLS(t *testing.T) {
	for name, config := range map[string]*tls.Config{
		"by default":    {},
		"with ALPN":     {NextProtos: []string{"h2", "http/1.1"}},
		"TLS 1.2 only":  {MaxVersion: tls.VersionTLS12},
		"TLS 1.0 only":  {MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10},
		"TLS 1.3 only":  {MinVersion: tls.VersionTLS13},
		"without PQ":    {CurvePreferences: []tls.CurveID{tls.X25519}},
		"with a ticket": {ClientSessionCache: tls.NewLRUClientSessionCache(1)},
	} {
		t.Run(name, func(t *testing.T) {
			config.ServerName = hellotest.Site
			raw := goHello(t, config)
			if got := atOnce(raw); got.Result != hellotest.Accepted || got.Name != hellotest.Site {
				t.Errorf("Feed = %+v", got)
			}
			checkAgainstCryptoTLS(t, raw)
		})
	}
}
