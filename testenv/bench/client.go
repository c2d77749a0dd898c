package main

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"wildcard-egress/testenv/client"
)

// clientTimeout ends whatever a connection does.
const clientTimeout = 30 * time.Second

// dialer opens connections to one proxy: the outer mTLS by crypto/tls, inside
// it bytes made before. What it costs is the same for all proxies, and is not
// in the figures, which are those of the proxy's process.
type dialer struct {
	addr   string
	outer  *tls.Config // nil: plain TCP
	first  []byte      // what comes before the hello: ztunnel's header
	hellos [][]byte
	signed atomic.Int64 // full outer handshakes so far
}

// handshake is how the outer session begins.
type handshake string

const (
	plain   handshake = "plain"   // there is none
	ambient handshake = "ambient" // there is none; ours is behind ztunnel, the others in plain TCP
	full    handshake = "full"    // both sides sign, as at a sidecar's first connection
	resumed handshake = "resumed" // from a ticket, as at all its others
)

func (h handshake) tls() bool { return h == full || h == resumed }

func (w *world) client(addr string, h handshake) *dialer {
	c := &dialer{addr: addr, hellos: w.hellos}
	if !h.tls() {
		return c
	}
	c.outer = &tls.Config{
		ServerName:   client.OuterServerName,
		Certificates: []tls.Certificate{*w.identities.App},
		NextProtos:   []string{"istio"},
		// As Istio's sidecars: TLS 1.3, and Envoy's first choice of curve.
		MinVersion:       tls.VersionTLS13,
		CurvePreferences: []tls.CurveID{tls.X25519},
		// As they do, a hello in one record.
		DynamicRecordSizingDisabled: true,
		// The proxies are ours, on this machine: their certificates are not the
		// matter here, and to check them would cost the client time.
		InsecureSkipVerify: true,
		ClientSessionCache: forgetful{},
	}
	if h == resumed {
		c.outer.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	}
	return c
}

// forgetful asks for tickets, as a sidecar does, and keeps none.
type forgetful struct{}

func (forgetful) Get(string) (*tls.ClientSessionState, bool) { return nil, false }
func (forgetful) Put(string, *tls.ClientSessionState)        {}

// open connects, with the outer handshake.
func (c *dialer) open(ctx context.Context) (net.Conn, error) {
	dialer := net.Dialer{Timeout: clientTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", c.addr)
	if err != nil {
		return nil, err
	}
	err = conn.SetDeadline(time.Now().Add(clientTimeout))
	if err == nil && c.outer != nil {
		outer := tls.Client(conn, c.outer)
		err = outer.HandshakeContext(ctx)
		if conn = outer; !outer.ConnectionState().DidResume {
			c.signed.Add(1)
		}
	}
	if err == nil && c.first != nil {
		_, err = conn.Write(c.first)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// connect opens a connection, sends a hello and waits for the greeting. hello
// counts through the names.
func (c *dialer) connect(ctx context.Context, hello int) (net.Conn, error) {
	conn, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	if err := greet(conn, c.hellos[hello%len(c.hellos)]); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// greet sends a hello and reads the greeting.
func greet(conn net.Conn, hello []byte) error {
	if _, err := conn.Write(hello); err != nil {
		return err
	}
	var answer [len(greeting)]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	if string(answer[:]) != greeting {
		return fmt.Errorf("greeting %q: somebody else answered", answer)
	}
	return nil
}

// put sends size bytes and waits until the upstream has them.
func put(conn net.Conn, size int64) error {
	if err := command(conn, commandPut, size); err != nil {
		return err
	}
	if err := pour(conn, size); err != nil {
		return err
	}
	return swallow(conn, 1)
}

// get has the upstream send size bytes and reads them.
func get(conn net.Conn, size int64) error {
	if err := command(conn, commandGet, size); err != nil {
		return err
	}
	return swallow(conn, size)
}

func command(conn net.Conn, command byte, size int64) error {
	_, err := conn.Write(binary.BigEndian.AppendUint64([]byte{command}, uint64(size)))
	return err
}

// openAndClose makes n connections, several at a time.
func (c *dialer) openAndClose(ctx context.Context, atOnce, n int) error {
	return repeat(atOnce, n, func(i int) error {
		conn, err := c.connect(ctx, i)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// repeat calls one(0) to one(n-1) from several goroutines, and stops at the
// first error.
func repeat(goroutines, n int, one func(i int) error) error {
	var next atomic.Int64
	errs := make([]error, goroutines)
	var running sync.WaitGroup
	for g := range goroutines {
		running.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if errs[g] = one(i); errs[g] != nil {
					next.Store(int64(n))
					return
				}
			}
		})
	}
	running.Wait()
	return errors.Join(errs...)
}
