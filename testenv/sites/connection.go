package sites

import (
	"bytes"
	"net"
	"net/netip"
	"sync"
)

// recordLimit is how many bytes of one connection a site keeps.
const recordLimit = 32 << 20

// Connection is what a site knows of one accepted connection. Its methods may
// be called while the connection lives.
type Connection struct {
	tcp *net.TCPConn

	mu         sync.Mutex
	received   bytes.Buffer
	total      int64
	serverName string
	closed     bool
}

// Received returns a copy of the first 32 MiB that came over TCP: with TLS,
// the records as the client sent them.
func (c *Connection) Received() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.received.Bytes())
}

// Total returns how many bytes came over TCP.
func (c *Connection) Total() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total
}

// ServerName returns the name in the ClientHello, once the TLS handshake with
// the site is done.
func (c *Connection) ServerName() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.serverName
}

// Closed reports whether the connection has ended.
func (c *Connection) Closed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// RemoteAddr returns the peer's address: the gateway's side.
func (c *Connection) RemoteAddr() netip.AddrPort {
	return c.tcp.RemoteAddr().(*net.TCPAddr).AddrPort()
}

func (c *Connection) setServerName(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.serverName = name
}

func (c *Connection) markClosed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
}

// recorder keeps what is read. It hides TCPConn's own WriteTo, by which
// io.Copy would go round Read.
type recorder struct {
	net.Conn
	connection *Connection
}

// CloseWrite ends the site's side of the connection.
func (r *recorder) CloseWrite() error { return r.connection.tcp.CloseWrite() }

func (r *recorder) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	c := r.connection
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total += int64(n)
	if room := recordLimit - c.received.Len(); room > 0 {
		c.received.Write(b[:min(n, room)])
	}
	return n, err
}
