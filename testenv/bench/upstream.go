package main

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// The protocol behind the hello, as cheap as can be: the upstream answers a
// whole hello with the greeting. The client may then send one command, a byte
// and a length, to have bytes swallowed (answered with one byte) or sent.
const (
	greeting   = "greetings from the upstream\n"
	commandPut = 'p'
	commandGet = 'g'

	commandSize = 1 + 8
	chunkSize   = 64 << 10
)

// upstream is the one site behind all proxies. It reads a hello as a record
// and looks no further into it.
type upstream struct {
	listener net.Listener
	active   atomic.Int64 // connections open now
	running  sync.WaitGroup
}

func startUpstream() (*upstream, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	u := &upstream{listener: listener}
	u.running.Go(u.accept)
	return u, nil
}

func (u *upstream) addr() netip.AddrPort { return u.listener.Addr().(*net.TCPAddr).AddrPort() }

// close stops accepting. Connections end with the proxies, which are gone by now.
func (u *upstream) close() error {
	err := u.listener.Close()
	u.running.Wait()
	return err
}

func (u *upstream) accept() {
	for {
		conn, err := u.listener.Accept()
		if err != nil {
			return // closed
		}
		u.active.Add(1)
		u.running.Go(func() {
			defer u.active.Add(-1)
			defer conn.Close()
			_ = serve(conn) // the client sees it too, and says so
		})
	}
}

func serve(conn net.Conn) error {
	var small [512]byte // an idle connection holds no more
	if _, err := io.ReadFull(conn, small[:5]); err != nil {
		return err
	}
	for left := int(binary.BigEndian.Uint16(small[3:5])); left > 0; {
		n, err := conn.Read(small[:min(left, len(small))])
		if err != nil {
			return err
		}
		left -= n
	}
	if _, err := io.WriteString(conn, greeting); err != nil {
		return err
	}
	for {
		if _, err := io.ReadFull(conn, small[:commandSize]); err != nil {
			return err
		}
		if err := obey(conn, small[0], int64(binary.BigEndian.Uint64(small[1:commandSize]))); err != nil {
			return err
		}
	}
}

func obey(conn net.Conn, command byte, size int64) error {
	switch command {
	case commandPut:
		if err := swallow(conn, size); err != nil {
			return err
		}
		_, err := conn.Write([]byte{command})
		return err
	case commandGet:
		return pour(conn, size)
	}
	return errors.New("upstream: unknown command")
}

// chunks are shared, since a connection needs one for a transfer only.
var chunks = sync.Pool{New: func() any { return new([chunkSize]byte) }}

// swallow reads size bytes.
func swallow(from io.Reader, size int64) error {
	chunk := chunks.Get().(*[chunkSize]byte)
	defer chunks.Put(chunk)
	for size > 0 {
		n, err := from.Read(chunk[:min(size, chunkSize)])
		if err != nil {
			return err
		}
		size -= int64(n)
	}
	return nil
}

// pour writes size bytes.
func pour(to io.Writer, size int64) error {
	chunk := chunks.Get().(*[chunkSize]byte)
	defer chunks.Put(chunk)
	for size > 0 {
		n, err := to.Write(chunk[:min(size, chunkSize)])
		if err != nil {
			return err
		}
		size -= int64(n)
	}
	return nil
}
