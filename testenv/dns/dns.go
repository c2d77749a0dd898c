// Package dns is a DNS server that answers as a test tells it.
package dns

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	miekg "github.com/miekg/dns"
)

// Server is an authoritative server for everything: it records each question and
// answers as told. Names that it was told nothing about do not exist.
type Server struct {
	addr    string
	servers []*miekg.Server
	closed  chan struct{}

	mu      sync.Mutex
	answers map[string]func(Query) Answer // keys in lower case, without a trailing dot
	queries []Query
}

// Query is one question as it came.
type Query struct {
	Name    string // in the client's case, without the trailing dot
	Type    string // A, AAAA, ...
	Network string // udp or tcp
	From    netip.AddrPort
	At      time.Time
}

// Answer is what DNS says about one name. The zero value: the name exists and
// has no addresses.
type Answer struct {
	Addrs  []netip.Addr  // those of the asked family are sent
	CNAME  string        // if set, the name is an alias of CNAME and Addrs are CNAME's
	Code   int           // such as miekg.RcodeNameError; nothing else is sent then
	Silent bool          // no reply at all
	Cut    bool          // over UDP no record, and the bit that says to ask over TCP
	Delay  time.Duration // before the reply
	TTL    uint32        // in seconds
}

// Start starts a server on a free port of 127.0.0.1, UDP and TCP.
func Start() (*Server, error) { return StartAt("127.0.0.1:0") }

// StartAt is Start on an address of the caller's choice, host:port.
func StartAt(addr string) (*Server, error) {
	packets, listener, err := listenBoth(addr)
	if err != nil {
		return nil, fmt.Errorf("dns server: %w", err)
	}
	d := &Server{addr: packets.LocalAddr().String(), closed: make(chan struct{}), answers: map[string]func(Query) Answer{}}
	for _, s := range []*miekg.Server{{PacketConn: packets}, {Listener: listener}} {
		started := make(chan struct{})
		s.Handler = d
		s.NotifyStartedFunc = func() { close(started) }
		failed := make(chan error, 1)
		go func() { failed <- s.ActivateAndServe() }()
		select {
		case <-started:
			d.servers = append(d.servers, s)
		case err := <-failed:
			return nil, fmt.Errorf("dns server: %w", errors.Join(err, packets.Close(), listener.Close()))
		}
	}
	return d, nil
}

// listenBoth takes a UDP port of addr whose TCP twin is free too.
func listenBoth(addr string) (packets net.PacketConn, listener net.Listener, err error) {
	for range 20 {
		if packets, err = net.ListenPacket("udp", addr); err != nil {
			return nil, nil, err
		}
		if listener, err = net.Listen("tcp", packets.LocalAddr().String()); err == nil {
			return packets, listener, nil
		}
		packets.Close()
	}
	return nil, nil, err
}

// Addr returns the server's host and port.
func (d *Server) Addr() string { return d.addr }

// Close stops the server; delayed replies are dropped.
func (d *Server) Close() error {
	close(d.closed)
	var errs []error
	for _, s := range d.servers {
		errs = append(errs, s.Shutdown())
	}
	return errors.Join(errs...)
}

// Set tells what to answer for name, from now on. A name "*.zone" stands for
// all names below zone that have no closer answer, "*" for all names.
func (d *Server) Set(name string, a Answer) {
	d.SetFunc(name, func(Query) Answer { return a })
}

// SetFunc is Set with an answer that depends on the question or on the past.
// f may be called from several goroutines.
func (d *Server) SetFunc(name string, f func(Query) Answer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answers[strings.ToLower(strings.TrimSuffix(name, "."))] = f
}

// Queries returns the questions so far, oldest first.
func (d *Server) Queries() []Query {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.queries)
}

// Asked returns how many questions about exactly name came so far.
func (d *Server) Asked(name string) int {
	n := 0
	for _, q := range d.Queries() {
		if q.Name == name {
			n++
		}
	}
	return n
}

// answerFor finds the closest answer: the name itself, then the wildcards from
// the longest zone to the shortest.
func (d *Server) answerFor(name string) func(Query) Answer {
	d.mu.Lock()
	defer d.mu.Unlock()
	name = strings.ToLower(name)
	if f, ok := d.answers[name]; ok {
		return f
	}
	for _, zone, ok := strings.Cut(name, "."); ok; _, zone, ok = strings.Cut(zone, ".") {
		if f, ok := d.answers["*."+zone]; ok {
			return f
		}
	}
	if f, ok := d.answers["*"]; ok {
		return f
	}
	return func(Query) Answer { return Answer{Code: miekg.RcodeNameError} }
}
