package ztunnel

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"sync"
	"time"

	"wildcard-egress/testenv/certs"
)

// Conn is one stream of HBONE. Its local address is that of the connection which
// it shares with others.
type Conn struct {
	io.Reader
	up     *io.PipeWriter
	down   io.Closer
	cancel context.CancelCauseFunc

	mu       sync.Mutex
	deadline *time.Timer
	local    net.Addr
}

func newConn(cancel context.CancelCauseFunc) *Conn { return &Conn{cancel: cancel} }

// trace learns which connection the stream is on.
func (c *Conn) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.local = info.Conn.LocalAddr()
	}})
}

// Write sends b to the gateway.
func (c *Conn) Write(b []byte) (int, error) { return c.up.Write(b) }

// CloseWrite ends what is sent.
func (c *Conn) CloseWrite() error { return c.up.Close() }

// Close resets the stream, unless both sides have ended it.
func (c *Conn) Close() error {
	_ = c.SetDeadline(time.Time{})
	_ = c.up.Close()
	err := c.down.Close()
	c.cancel(net.ErrClosed)
	return err
}

// LocalAddr is part of net.Conn.
func (c *Conn) LocalAddr() net.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.local
}

// RemoteAddr is part of net.Conn. Nobody asks.
func (c *Conn) RemoteAddr() net.Addr { return nil }

// SetDeadline ends the stream at a time; the zero time: never.
func (c *Conn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deadline != nil {
		c.deadline.Stop()
	}
	if !t.IsZero() {
		c.deadline = time.AfterFunc(time.Until(t), func() { c.cancel(os.ErrDeadlineExceeded) })
	}
	return nil
}

// SetReadDeadline is SetDeadline.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.SetDeadline(t) }

// SetWriteDeadline is SetDeadline.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.SetDeadline(t) }

// transports has one for each caller, so that no caller uses another's connection.
type transports struct {
	mu sync.Mutex
	by map[*tls.Certificate]*http.Transport
}

func (t *transports) of(certificate *tls.Certificate, authority *certs.Authority) *http.Transport {
	t.mu.Lock()
	defer t.mu.Unlock()
	if transport := t.by[certificate]; transport != nil {
		return transport
	}
	config := &tls.Config{
		InsecureSkipVerify: true, // replaced by VerifyConnection: SPIFFE certificates have no host name
		VerifyConnection: func(s tls.ConnectionState) error {
			_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: authority.Pool()})
			return err
		},
		NextProtos: []string{"h2"},
	}
	if certificate != nil {
		config.Certificates = []tls.Certificate{*certificate}
	}
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	if t.by == nil {
		t.by = map[*tls.Certificate]*http.Transport{}
	}
	t.by[certificate] = transport
	return transport
}

func (t *transports) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, transport := range t.by {
		transport.CloseIdleConnections()
	}
}
