package envoy

// #include "conn.h"
import "C"

import (
	"runtime/cgo"
	"strings"
	"unsafe"

	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"
)

// Conn is one downstream connection before its decision. Its methods may be
// called only by its filter, in a hook.
type Conn struct {
	c       *C.struct_conn
	filter  api.DownstreamFilter
	effects effects
}

// connOf is the connection's Go side, made at the first call.
func connOf(c *C.struct_conn) *Conn {
	if c.handle != 0 {
		return cgo.Handle(c.handle).Value().(*Conn)
	}
	conn := &Conn{c: c}
	conn.filter = configOf(c.config).factory.NewFilter(conn)
	c.handle = C.uintptr_t(cgo.NewHandle(conn))
	conn.filter.OnNewConnection()
	return conn
}

func (c *Conn) open() bool { return c.c.state == C.CONN_WAITING }

// releaseIfDecided lets go of the Go side: later bytes never enter Go.
func (c *Conn) releaseIfDecided() {
	if !c.open() && c.c.handle != 0 {
		cgo.Handle(c.c.handle).Delete()
		c.c.handle = 0
	}
}

// newChunks returns the bytes of the read buffer that came since its last
// call, as Envoy holds them: borrowed until the hook returns.
func (c *Conn) newChunks() [][]byte {
	var few [8]C.envoy_buffer
	buffers := few[:]
	n := int(C.conn_chunk_count(c.c))
	if n > len(buffers) {
		buffers = make([]C.envoy_buffer, n)
	}
	if n == 0 || !C.conn_chunks(c.c, &buffers[0]) {
		return nil
	}
	chunks := make([][]byte, 0, n)
	skip := int(c.c.seen)
	for _, b := range buffers[:n] {
		chunk := borrow(b)
		if skip >= len(chunk) {
			skip -= len(chunk)
			continue
		}
		chunks = append(chunks, chunk[skip:])
		c.c.seen += C.size_t(len(chunk) - skip)
		skip = 0
	}
	c.c.need = c.c.seen + 1
	return chunks
}

// WaitFor asks for the next OnData only when at least n more bytes have come,
// or the client has ended its stream.
func (c *Conn) WaitFor(n int) { c.c.need = c.c.seen + C.size_t(max(n, 1)) }

// Connected says whether the outer TLS handshake is done; true without TLS.
func (c *Conn) Connected() bool { return bool(c.c.connected) }

// RequestedServerName is the server name of the outer TLS handshake; empty
// when there is none.
func (c *Conn) RequestedServerName() string {
	return strings.Clone(text(C.conn_requested_server_name(c.c)))
}

// RemoteAddress is the IP address of the client, without the port; empty when
// there is none.
func (c *Conn) RemoteAddress() string { return strings.Clone(text(C.conn_remote_address(c.c))) }

// PeerURISANs are the URI SANs of the client certificate; empty without one.
func (c *Conn) PeerURISANs() []string {
	n := int(C.conn_uri_san_count(c.c))
	if n == 0 {
		return nil
	}
	sans := make([]C.envoy_buffer, n)
	if !C.conn_uri_sans(c.c, &sans[0]) {
		return nil
	}
	names := make([]string, n)
	for i, san := range sans {
		names[i] = strings.Clone(text(san))
	}
	return names
}

// Expired says whether the filter state of Config.ExpireBy is there and is no
// time to come. Decisions are not recalled then.
func (c *Conn) Expired() bool { return bool(C.conn_expired(c.c)) }

// ProxyIdentity is the caller that the PROXY header names, as Envoy's listener
// filter left it; empty when it names none.
func (c *Conn) ProxyIdentity() string {
	var identity C.envoy_buffer
	if !C.conn_proxy_identity(c.c, &identity) {
		return ""
	}
	return strings.Clone(text(identity))
}

// DestinationPort is the port that the PROXY header names; without a header the
// listener's own. 0: there is none.
func (c *Conn) DestinationPort() uint16 { return uint16(C.conn_destination_port(c.c)) }

// OverLoopback says whether the TCP connection came from a loopback address,
// whatever a PROXY header says.
func (c *Conn) OverLoopback() bool { return bool(C.conn_over_loopback(c.c)) }

// FromThisProcess says whether this process itself dialled the connection. It
// takes time in proportion to the sockets that the process has.
func (c *Conn) FromThisProcess() bool { return bool(C.conn_from_this_process(c.c)) }

// SetFilterState sets a filter state object through Envoy's factory of that
// key. It returns false when Envoy has no such factory or refuses the value.
func (c *Conn) SetFilterState(key, value string) bool {
	c.effects.states = append(c.effects.states, key, value)
	return bool(C.conn_set_filter_state(c.c, chars(key), C.size_t(len(key)), chars(value), C.size_t(len(value))))
}

// SetText sets a filter state object that is plain text; the next value of a
// key replaces the one before. It must be UTF-8.
func (c *Conn) SetText(key, value string) {
	c.effects.texts = append(c.effects.texts, key, value)
	C.conn_set_text(c.c, chars(key), C.size_t(len(key)), chars(value), C.size_t(len(value)))
}

// Count raises the counter with this index of Config.DefineCounters.
func (c *Conn) Count(counter int) {
	c.effects.counters = append(c.effects.counters, C.uint32_t(counter))
	C.conn_count(c.c, C.size_t(counter))
}

// Write sends b to the client.
func (c *Conn) Write(b []byte) {
	C.conn_write(c.c, (*C.char)(unsafe.Pointer(unsafe.SliceData(b))), C.size_t(len(b)))
}

// Close ends the connection. details appears in the access log; it must be a
// fixed word.
func (c *Conn) Close(details string, how api.ConnectionCloseType) {
	C.conn_close(c.c, C.uint(how), chars(details), C.size_t(len(details)))
}

func chars(s string) *C.char { return (*C.char)(unsafe.Pointer(unsafe.StringData(s))) }

// text is borrowed, as is the buffer.
func text(b C.envoy_buffer) string {
	return unsafe.String((*byte)(unsafe.Pointer(b.ptr)), int(b.length))
}
