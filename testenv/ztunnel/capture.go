package ztunnel

import (
	"crypto/tls"
	"io"
	"net"
	"net/netip"
)

// Capture takes connections on a free port of loopback, as ztunnel takes those of
// a pod, and carries each to destination. It ends with the listener's Close.
func (d *Dialer) Capture(certificate *tls.Certificate, destination netip.AddrPort) (net.Listener, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go d.carry(conn.(*net.TCPConn), certificate, destination)
		}
	}()
	return listener, nil
}

func (d *Dialer) carry(app *net.TCPConn, certificate *tls.Certificate, destination netip.AddrPort) {
	defer app.Close()
	gateway, err := d.Dial(certificate, destination)
	if err != nil {
		return
	}
	defer gateway.Close()
	go func() {
		_, _ = io.Copy(gateway, app)
		_ = gateway.CloseWrite()
	}()
	_, _ = io.Copy(app, gateway)
}
