// Package ztunnel stands in for Istio's ztunnel, at both ends of HBONE: HTTP/2
// CONNECT over mTLS with SPIFFE certificates. A [Server] is the one of the
// gateway's pod: it hands each stream to the gateway by TCP, with a header of the
// PROXY protocol. A [Dialer] is the one of an application.
//
// One thing is otherwise than in ztunnel: Go's HTTP/2 server cannot end its side of
// a stream and read on, so the end of what the gateway sends is the end of both.
package ztunnel

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"time"

	"wildcard-egress/testenv/certs"
)

// streams are what one HBONE connection carries at most, as ztunnel has it.
const streams = 100

// Options say what a Server stands in front of.
type Options struct {
	Listen      string           // host:port, for HBONE; default: a free port of loopback
	Certificate *tls.Certificate // the gateway's
	Callers     *x509.CertPool   // trusts who issued the callers' certificates
	Gateway     string           // host:port, on loopback
}

// Server is the ztunnel of the gateway's pod.
type Server struct {
	options  Options
	listener net.Listener
	http     *http.Server
}

// Start starts a Server.
func Start(o Options) (*Server, error) {
	listener, err := net.Listen("tcp", cmp.Or(o.Listen, "127.0.0.1:0"))
	if err != nil {
		return nil, err
	}
	s := &Server{options: o, listener: listener}
	s.http = &http.Server{
		Handler: s,
		TLSConfig: &tls.Config{
			Certificates: []tls.Certificate{*o.Certificate},
			ClientAuth:   tls.RequireAndVerifyClientCert,
			ClientCAs:    o.Callers,
			NextProtos:   []string{"h2"},
		},
		HTTP2:    &http.HTTP2Config{MaxConcurrentStreams: streams},
		ErrorLog: log.New(io.Discard, "", 0), // of handshakes that tests let fail
	}
	go func() { _ = s.http.ServeTLS(listener, "", "") }()
	return s, nil
}

// Addr returns the host and port for HBONE.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close ends the server and all that goes through it.
func (s *Server) Close() error { return s.http.Close() }

// ServeHTTP is one stream.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	source, sourceErr := netip.ParseAddrPort(r.RemoteAddr)
	destination, err := netip.ParseAddrPort(r.Host)
	names := r.TLS.PeerCertificates[0].URIs
	if r.Method != http.MethodConnect || errors.Join(sourceErr, err) != nil || len(names) != 1 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	conn, err := net.Dial("tcp", s.options.Gateway)
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	defer conn.Close()
	if _, err := conn.Write(HeaderOf(names[0].String(), source, destination).Bytes()); err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusOK)
	relay(w, r, conn.(*net.TCPConn))
}

// relay returns at the end of what the gateway sends.
func relay(w http.ResponseWriter, r *http.Request, gateway *net.TCPConn) {
	answer := http.NewResponseController(w)
	_ = answer.Flush()
	go func() {
		if _, err := io.Copy(gateway, r.Body); err != nil {
			_ = gateway.SetLinger(0) // the client has gone: so has its connection
			_ = gateway.Close()
			return
		}
		_ = gateway.CloseWrite()
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := gateway.Read(buffer)
		if n > 0 {
			if _, err := w.Write(buffer[:n]); err != nil {
				return
			}
			_ = answer.Flush()
		}
		switch {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			panic(http.ErrAbortHandler) // a reset, of this stream only
		}
	}
}

// Dialer is the ztunnel of the applications: one connection for up to so many
// streams of a caller.
type Dialer struct {
	// Server is the gateway's ztunnel, host:port.
	Server string
	// Authority issued the gateway's certificate.
	Authority *certs.Authority
	// Timeout is the deadline of a Conn, until it is set to another.
	Timeout time.Duration

	transports transports
}

// Dial asks for a connection to destination on behalf of the caller with this
// certificate; nil: it has none.
func (d *Dialer) Dial(certificate *tls.Certificate, destination netip.AddrPort) (*Conn, error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	c := newConn(cancel)
	_ = c.SetDeadline(time.Now().Add(d.Timeout))
	body, stream := io.Pipe()
	request, err := http.NewRequestWithContext(c.trace(ctx), http.MethodConnect, "https://"+d.Server, body)
	if err != nil {
		return nil, err
	}
	request.Host = destination.String()
	response, err := d.transports.of(certificate, d.Authority).RoundTrip(request)
	if err == nil && response.StatusCode != http.StatusOK {
		response.Body.Close()
		err = errors.New("ztunnel answers " + response.Status)
	}
	if err != nil {
		cancel(err)
		return nil, err
	}
	c.Reader, c.up, c.down = response.Body, stream, response.Body
	return c, nil
}

// Close ends the connections that no stream uses.
func (d *Dialer) Close() error {
	d.transports.close()
	return nil
}
