package outcome

import (
	"sync/atomic"

	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"

	"wildcard-egress/filter"
	"wildcard-egress/filter/policy/document"
)

// Connection is what a filter needs of its connection.
type Connection interface {
	// Text is a filter state of plain text that the filter before has set.
	Text(key string) string
	// SetText sets one, which the access log reads.
	SetText(key, value string)
	// Count raises a counter of Counters.
	Count(counter int)
	// Write sends bytes to the client.
	Write(b []byte)
	// Close ends the connection; details is a fixed word.
	Close(details string, how api.ConnectionCloseType)
	// Waker returns what is to be called once, on any goroutine, so that OnWoken
	// follows on the connection's worker.
	Waker() func()
}

// Filter is one connection that failed.
type Filter struct {
	api.EmptyDownstreamFilter
	conn   Connection
	asker  *Asker
	reason atomic.Pointer[string]
}

// New returns the filter of a connection.
func New(conn Connection, asker *Asker) *Filter { return &Filter{conn: conn, asker: asker} }

// Unresolved hears that the name has no address. The connection waits until it
// is known why.
func (f *Filter) Unresolved() {
	name := f.conn.Text(filter.ServerNameKey)
	wake := f.conn.Waker()
	asked := f.asker.Why(name, func(reason string) {
		f.reason.Store(&reason)
		wake()
	})
	if !asked {
		reason := DNSFailed
		f.reason.Store(&reason)
		wake()
	}
}

// Woken ends the connection as the policy has refusals end: the hello is still
// unanswered, so a TLS client can be told.
func (f *Filter) Woken() {
	reason := DNSFailed
	if r := f.reason.Load(); r != nil {
		reason = *r
	}
	f.Failed(reason)
	switch f.conn.Text(filter.RefusalKey) {
	case document.RefuseWithReset.String():
		f.conn.Close(reason, api.AbortReset)
	case document.RefuseWithClose.String():
		f.conn.Close(reason, api.FlushWrite)
	default:
		f.conn.Write(alert(reason))
		f.conn.Close(reason, api.FlushWrite)
	}
}

// Failed says and counts a reason.
func (f *Filter) Failed(reason string) {
	f.conn.SetText(filter.ReasonKey, reason)
	f.conn.Count(index(reason))
}

// alert is a fatal TLS alert: that the name is unknown, or, for what may pass,
// an internal error (RFC 8446, section 6).
func alert(reason string) []byte {
	const unrecognizedName, internalError = 112, 80
	description := byte(internalError)
	switch reason {
	case DNSNoSuchName, DNSEmpty, AddressDenied:
		description = unrecognizedName
	}
	return []byte{21, 3, 3, 0, 2, 2, description}
}
