package outcome

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Envoy keeps to itself why a look-up gave no address. So it is asked again, for
// connections that have failed and for no others, and not without limits: who
// asks for names that do not exist must not have the gateway ask DNS for more.
const (
	askTimeout = 1500 * time.Millisecond
	askedLimit = 32 // names at a time
)

// Asker asks DNS once more. It is safe for use by all workers.
type Asker struct {
	config   Config
	resolver net.Resolver
	turn     atomic.Uint32

	mu    sync.Mutex
	asked map[string][]func(reason string) // who waits for a name
}

// NewAsker returns an Asker that asks as the DNS cache before it was told to.
func NewAsker(c Config) *Asker {
	a := &Asker{config: c, asked: map[string][]func(string){}}
	a.resolver = net.Resolver{PreferGo: true, Dial: a.dial}
	return a
}

// Why finds out why name has no address, and tells then, on another goroutine.
// It returns false, and asks nobody, when enough names are being asked for.
func (a *Asker) Why(name string, then func(reason string)) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	waiting, asked := a.asked[name]
	if !asked && len(a.asked) >= askedLimit {
		return false
	}
	a.asked[name] = append(waiting, then)
	if !asked {
		go a.ask(name)
	}
	return true
}

func (a *Asker) ask(name string) {
	reason := DNSFailed
	defer func() {
		_ = recover() // whoever waits is told in any case
		a.mu.Lock()
		waiting := a.asked[name]
		delete(a.asked, name)
		a.mu.Unlock()
		for _, then := range waiting {
			then(reason)
		}
	}()
	var code rcode
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), rcode{}, &code), askTimeout)
	defer cancel()
	addrs, err := a.resolver.LookupNetIP(ctx, a.config.networks(), name+".") // no search domains
	reason = a.reasonOf(addrs, err, &code)
}

func (a *Asker) reasonOf(addrs []netip.Addr, err error, code *rcode) string {
	var failed *net.DNSError
	switch {
	case err == nil && len(addrs) > 0 && !slices.ContainsFunc(addrs, a.passes):
		return AddressDenied
	case err == nil:
		return DNSFailed // it was so when Envoy asked
	case errors.As(err, &failed) && failed.IsTimeout:
		return DNSTimeout
	case code.failed.Load():
		return DNSFailed
	case code.noSuchName.Load():
		return DNSNoSuchName
	case code.empty.Load():
		return DNSEmpty
	}
	return DNSFailed
}

// passes says whether the address guard lets an address through.
func (a *Asker) passes(addr netip.Addr) bool {
	return !slices.ContainsFunc(a.config.Denied, func(p netip.Prefix) bool { return p.Contains(addr) || p.Contains(addr.Unmap()) })
}

// dial goes to the servers that were given, in turn, or to that of the system
// which package net chose.
func (a *Asker) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if n := uint32(len(a.config.Resolvers)); n > 0 {
		address = a.config.Resolvers[a.turn.Add(1)%n].String()
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, address)
	udp, isUDP := conn.(*net.UDPConn)
	code, watched := ctx.Value(rcode{}).(*rcode)
	if err != nil || !isUDP || !watched {
		return conn, err
	}
	return rcodeReader{udp, code}, nil
}

// rcode is what the answers say, which package net tells in part only.
type rcode struct{ noSuchName, empty, failed atomic.Bool }

// rcodeReader reads it in the answers (RFC 1035, section 4.1.1).
type rcodeReader struct {
	*net.UDPConn
	code *rcode
}

func (r rcodeReader) Read(b []byte) (int, error) {
	n, err := r.UDPConn.Read(b)
	const header, success, nxdomain = 12, 0, 3
	if n < header {
		return n, err
	}
	answers := int(b[6])<<8 | int(b[7])
	switch b[3] & 0xf {
	case success:
		r.code.empty.Store(r.code.empty.Load() || answers == 0)
	case nxdomain:
		r.code.noSuchName.Store(true)
	default:
		r.code.failed.Store(true)
	}
	return n, err
}
