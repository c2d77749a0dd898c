package sites_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/poll"
	"wildcard-egress/testenv/sites"
)

func newUpstreams(t *testing.T) *sites.Upstreams {
	t.Helper()
	u, err := sites.NewUpstreams()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := u.Close(); err != nil {
			t.Error(err)
		}
	})
	return u
}

func addTLS(t *testing.T, u *sites.Upstreams, names ...string) *sites.Site {
	t.Helper()
	site, err := u.AddTLS(names...)
	if err != nil {
		t.Fatal(err)
	}
	return site
}

// dial returns a TCP connection that records what is written to it.
func dial(t *testing.T, site *sites.Site) *written {
	t.Helper()
	conn, err := net.Dial("tcp", site.AddrPort().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return &written{Conn: conn}
}

type written struct {
	net.Conn
	bytes bytes.Buffer
}

func (w *written) Write(b []byte) (int, error) {
	w.bytes.Write(b)
	return w.Conn.Write(b)
}

func dialTLS(t *testing.T, u *sites.Upstreams, site *sites.Site, serverName string) (*tls.Conn, *written) {
	t.Helper()
	raw := dial(t, site)
	conn := tls.Client(raw, &tls.Config{ServerName: serverName, RootCAs: u.Authority.Pool()})
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	return conn, raw
}

func TestSitesShareAPortOnAddressesOfTheirOwn(t *testing.T) {
	u := newUpstreams(t)
	one, two := addTLS(t, u, "one.example.com"), addTLS(t, u, "two.example.com")
	if one.AddrPort().Port() != two.AddrPort().Port() || u.Port() != one.AddrPort().Port() {
		t.Errorf("ports %v and %v, set's port %d; want one port", one.AddrPort(), two.AddrPort(), u.Port())
	}
	if one.AddrPort().Addr() == two.AddrPort().Addr() {
		t.Errorf("both sites on %v, want an address each", one.AddrPort().Addr())
	}
	if u.Site("two.example.com") != two || u.Site("three.example.com") != nil {
		t.Error("Site does not find the sites by their names")
	}
}

func TestSiteSaysWhoItIs(t *testing.T) {
	u := newUpstreams(t)
	addTLS(t, u, "one.example.com")
	two := addTLS(t, u, "two.example.com", "*.two.example.com")
	conn, _ := dialTLS(t, u, two, "www.two.example.com")
	for range 2 { // on one connection
		if got, err := client.Ask(conn); err != nil || got != "two.example.com" {
			t.Errorf("Ask = %q, %v; want two.example.com", got, err)
		}
	}
	if got := two.Connections()[0].ServerName(); got != "www.two.example.com" {
		t.Errorf("the site saw server name %q, want www.two.example.com", got)
	}
	two.WantConnections(t, 1)
	u.WantConnections(t, 1)
}

func TestSiteEchoesOverHTTP(t *testing.T) {
	u := newUpstreams(t)
	site := addTLS(t, u, "one.example.com")
	conn, _ := dialTLS(t, u, site, "one.example.com")
	content := strings.Repeat("0123456789", 300_000)
	got, err := client.Exchange(conn, sites.EchoPath, content)
	if err != nil || string(got) != content {
		t.Errorf("echoed %d bytes, %v; want the %d bytes sent", len(got), err, len(content))
	}
}

func TestSiteRecordsRawBytes(t *testing.T) {
	u := newUpstreams(t)
	site := addTLS(t, u, "one.example.com")
	conn, raw := dialTLS(t, u, site, "one.example.com")
	if _, err := client.Ask(conn); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	waitClosed(t, site)
	record := site.Connections()[0]
	if !bytes.Equal(record.Received(), raw.bytes.Bytes()) || record.Total() != int64(raw.bytes.Len()) {
		t.Errorf("recorded %d bytes (total %d), want the %d written, TLS records and all",
			len(record.Received()), record.Total(), raw.bytes.Len())
	}
	if record.RemoteAddr().String() != raw.LocalAddr().String() {
		t.Errorf("RemoteAddr = %v, want %v", record.RemoteAddr(), raw.LocalAddr())
	}
}

func TestRawSiteEchoesAndHalfCloses(t *testing.T) {
	u := newUpstreams(t)
	site, err := u.Add(sites.Options{Names: []string{"raw.example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	conn := dial(t, site)
	sent := bytes.Repeat([]byte("not TLS at all\n"), 100_000)
	go func() {
		_, _ = conn.Write(sent)
		_ = conn.Conn.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(conn)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("echoed %d bytes, %v; want the %d bytes sent, then the end", len(got), err, len(sent))
	}
	if record := site.Connections()[0].Received(); !bytes.Equal(record, sent) {
		t.Errorf("recorded %d bytes, want the %d bytes sent", len(record), len(sent))
	}
}

func TestSiteRecordsFailedHandshake(t *testing.T) {
	u := newUpstreams(t)
	site := addTLS(t, u, "one.example.com")
	conn := dial(t, site)
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	waitClosed(t, site)
	if got := string(site.Connections()[0].Received()); !strings.HasPrefix("GET / HTTP/1.1\r\n\r\n", got) || got == "" {
		t.Errorf("recorded %q, want the request's begin", got)
	}
}

func TestSiteCloseCutsConnections(t *testing.T) {
	u, err := sites.NewUpstreams()
	if err != nil {
		t.Fatal(err)
	}
	site, err := u.Add(sites.Options{Names: []string{"raw.example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	conn := dial(t, site)
	site.WantConnections(t, 1)
	if err := u.Close(); err != nil {
		t.Error(err)
	}
	if n, err := conn.Read(make([]byte, 1)); err == nil {
		t.Errorf("read %d byte from a closed site", n)
	}
	// Whoever has the port next may answer there.
	if conn, err := net.Dial("tcp", site.AddrPort().String()); err == nil {
		conn.Close()
	}
	if n := len(site.Connections()); n != 1 {
		t.Errorf("a closed site has taken a connection: %d, want the first alone", n)
	}
}

func TestSiteNeedsAName(t *testing.T) {
	if _, err := newUpstreams(t).Add(sites.Options{}); err == nil {
		t.Error("a site without a name was started")
	}
}

func waitClosed(t *testing.T, site *sites.Site) {
	t.Helper()
	poll.Want(t, func() error {
		if all := site.Connections(); len(all) == 0 || !all[0].Closed() {
			return errors.New("the connection is open")
		}
		return nil
	})
}
