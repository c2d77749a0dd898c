// Package sites runs upstream servers that record what reaches them.
package sites

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
)

// Site is an upstream: a server on an address of its own that records every
// connection and the bytes that reached it.
type Site struct {
	Name string

	listener net.Listener
	serve    func(net.Conn)
	tls      *tls.Config // nil for raw TCP
	running  sync.WaitGroup

	mu          sync.Mutex
	connections []*Connection
	closed      bool
}

// Options say what a site is.
type Options struct {
	Names []string // host names, at least one; the first is the site's name
	// Certificate makes it a TLS site; nil: it talks raw TCP.
	Certificate *tls.Certificate
	// Serve talks to one client, after the TLS handshake if there is one. The
	// connection is closed when it returns. Nil: AnswerHTTP with the site's
	// name for TLS, Echo for raw TCP.
	Serve func(net.Conn)
}

// Start starts a site on addr, a host and port; port 0 takes a free one.
func Start(addr string, o Options) (*Site, error) {
	if len(o.Names) == 0 {
		return nil, fmt.Errorf("site on %s: it needs a name", addr)
	}
	s := &Site{Name: o.Names[0], serve: o.Serve}
	if o.Certificate != nil {
		s.tls = &tls.Config{Certificates: []tls.Certificate{*o.Certificate}, NextProtos: []string{"http/1.1"}}
	}
	if s.serve == nil {
		s.serve = Echo
		if s.tls != nil {
			s.serve = AnswerHTTP(s.Name)
		}
	}
	var err error
	if s.listener, err = net.Listen("tcp", addr); err != nil {
		return nil, fmt.Errorf("site %s: %w", s.Name, err)
	}
	s.running.Go(s.accept)
	return s, nil
}

// AddrPort returns where the site listens.
func (s *Site) AddrPort() netip.AddrPort { return s.listener.Addr().(*net.TCPAddr).AddrPort() }

// Connections returns what reached the site so far, oldest first.
func (s *Site) Connections() []*Connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.connections)
}

// Close stops the site and cuts its connections.
func (s *Site) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	err := s.listener.Close()
	for _, c := range s.Connections() {
		c.tcp.Close()
	}
	s.running.Wait()
	return err
}

func (s *Site) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return // closed
		}
		c := &Connection{tcp: conn.(*net.TCPConn)}
		if !s.record(c) {
			conn.Close()
			return
		}
		s.running.Go(func() { s.talk(c) })
	}
}

// record returns false if the site is closed: Close would not see c any more.
func (s *Site) record(c *Connection) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.connections = append(s.connections, c)
	return true
}

func (s *Site) talk(c *Connection) {
	defer c.markClosed()
	defer c.tcp.Close()
	recorder := &recorder{Conn: c.tcp, connection: c}
	if s.tls == nil {
		s.serve(recorder)
		return
	}
	conn := tls.Server(recorder, s.tls)
	defer conn.Close()
	if conn.HandshakeContext(context.Background()) != nil {
		return // the client sees why; the record has the bytes
	}
	c.setServerName(conn.ConnectionState().ServerName)
	s.serve(conn)
}
