package filter

import (
	"slices"

	"wildcard-egress/filter/policy"
)

// The reasons that the filter itself gives, beside those of package policy.
const (
	HandshakeFailed    policy.Reason = "handshake_failed"       // the outer TLS handshake did not end well
	CertificateExpired policy.Reason = "certificate_expired"    // the client's certificate has expired since the TLS session began
	NotTLS             policy.Reason = "not_tls"                // the first bytes are no TLS handshake
	Malformed          policy.Reason = "malformed"              // a ClientHello that TLS forbids
	TooLarge           policy.Reason = "client_hello_too_large" // over max_client_hello_bytes
	Incomplete         policy.Reason = "incomplete"             // the client ended before its hello was whole
	NoServerName       policy.Reason = "no_server_name"         // a good hello without a server name
	InvalidServerName  policy.Reason = "invalid_server_name"    // the server name is not a host name
	ECHRefused         policy.Reason = "ech_refused"            // encrypted_client_hello, and refuse_ech is set
	Timeout            policy.Reason = "timeout"                // no whole hello within client_hello_timeout
	// One party has as much of the gateway as the policy's limits let it have.
	TooManyWaiting        policy.Reason = "too_many_waiting" // closed by the host, at accept: nobody knows yet whose it is
	TooManyNames          policy.Reason = "too_many_names"
	TooManyConnections    policy.Reason = "too_many_connections"
	TooManyNewConnections policy.Reason = "too_many_new_connections"
	ConnectionTooLong     policy.Reason = "connection_too_long" // allowed, and ended after the longest duration
	NotLoopback           policy.Reason = "not_loopback"        // a PROXY header from elsewhere than loopback
	TooLittleMemory       policy.Reason = "too_little_memory"   // closed by the host, at accept; or ended though it was allowed
	Loop                  policy.Reason = "loop"                // the gateway dialled itself
	HostError             policy.Reason = "host_error"          // Envoy did not take the upstream
	Revoked               policy.Reason = "revoked"             // allowed once, and denied by a later policy
	Panic                 policy.Reason = "panic"               // a bug in this filter; closed by its host
)

// refusals are all reasons. An index in it plus one is the index of its counter.
var refusals = []policy.Reason{
	policy.NoPolicy, policy.NoRule, policy.DeniedByRule,
	HandshakeFailed, CertificateExpired, NotTLS, Malformed, TooLarge, Incomplete, NoServerName, InvalidServerName, ECHRefused, Timeout,
	TooManyWaiting, TooManyNames, TooManyConnections, TooManyNewConnections, ConnectionTooLong, NotLoopback, TooLittleMemory, Loop, HostError, Revoked, Panic,
}

// The counters that have no reason. Those of refusals lie between.
const counterAllowed = 0

var counterECH = len(refusals) + 1

// Reasons are all reasons for a refusal.
func Reasons() []policy.Reason { return slices.Clone(refusals) }

// Counters are the names of the counters, in the order in which
// Connection.Count numbers them: allowed, denied.<reason> for each reason, and
// ech. All are fixed words.
func Counters() []string {
	names := []string{"allowed"}
	for _, r := range refusals {
		names = append(names, "denied."+string(r))
	}
	return append(names, "ech")
}

// PanicCounter is the index of the counter of connections closed by a panic.
func PanicCounter() int { return counterOf(Panic) }

// WaitingCounter is the index of the counter of connections closed since too many
// wait for their decision.
func WaitingCounter() int { return counterOf(TooManyWaiting) }

// MemoryCounter is the index of the counter of connections closed for want of memory.
func MemoryCounter() int { return counterOf(TooLittleMemory) }

func counterOf(reason policy.Reason) int {
	for i, r := range refusals {
		if r == reason {
			return i + 1
		}
	}
	return counterOf(HostError) // unreachable: reasons are the constants above
}
