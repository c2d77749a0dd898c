package filter

import (
	"time"

	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"
)

// Connection is what a filter needs of the connection that it guards.
type Connection interface {
	// WaitFor asks for the next OnData only when n more bytes have come.
	WaitFor(n int)
	// Connected says whether the outer TLS handshake is done; true without TLS.
	Connected() bool
	// RemoteAddress is the client's IP address; empty when there is none.
	RemoteAddress() string
	// PeerURISANs are the URI SANs of the verified client certificate.
	PeerURISANs() []string
	// Expired says whether CertificateExpiresKey is set to what is no time to come.
	Expired() bool
	// RequestedServerName is the server name of the outer TLS handshake.
	RequestedServerName() string
	// ProxyIdentity is the caller that the PROXY header names; empty: none.
	ProxyIdentity() string
	// DestinationPort is the port that the PROXY header names, without one the
	// listener's own; 0: none.
	DestinationPort() uint16
	// FromThisProcess says whether the gateway itself dialled the connection. It
	// takes its time.
	FromThisProcess() bool
	// OverLoopback says whether the TCP connection came from a loopback address.
	OverLoopback() bool
	// SetFilterState sets what later filters read; false: Envoy refused it.
	SetFilterState(key, value string) bool
	// SetText sets a filter state of plain text, which the access log reads.
	SetText(key, value string)
	// Remember lets connections with the same server name as sent, caller and
	// outer server name go the same way until the policy changes, while those for
	// whom Enter counted have room.
	Remember()
	// Enter counts the connection for all parties until it ends, or for none: party
	// is then the index of one that has no room. The next call takes it back.
	Enter([]Allowance) (room Room, party int)
	// LastAtMost has Enforcer.Expire end the connection then; 0: never.
	LastAtMost(time.Duration)
	// Track lets a later policy end this connection; false: it cannot be.
	Track(label string) bool
	// Count raises a counter of Counters.
	Count(counter int)
	// Write sends bytes to the client.
	Write(b []byte)
	// Close ends the connection; details is a fixed word for the access log.
	Close(details string, how api.ConnectionCloseType)
}

// CertificateExpiresKey is what an earlier filter sets to the end of the client
// certificate's validity, in seconds since 1970 (bootstrap.ExpiryFilterName). Envoy
// checks it in full handshakes only: a TLS session would outlive it.
const CertificateExpiresKey = "wildcard_egress.certificate_expires"
