package filter

import (
	"strings"

	"wildcard-egress/filter/policy"
)

// Caller says where a configuration takes its callers from, and the ports that
// they ask for: from there, and never from elsewhere. Any other value than these
// knows nobody: every connection is refused.
type Caller string

const (
	// CallerCertificate is the certificate of the outer mTLS, and the outer server
	// name of the form that sidecars send (RequestedPort). The default.
	CallerCertificate Caller = "certificate"
	// CallerProxyProtocol is the PROXY protocol's header: the SPIFFE ID in its TLV
	// ProxyIdentityTLV, and the port of its destination, as Istio's ztunnel writes
	// it. It is believed only over loopback: whoever else could write a header could
	// be anybody.
	CallerProxyProtocol Caller = "proxy_protocol"
)

// What the listener filter proxy_protocol has to leave for CallerProxyProtocol:
// the value of this TLV, under this key of its own dynamic metadata.
const (
	ProxyIdentityTLV = 0xd0 // what Istio's ztunnel writes
	ProxyIdentityKey = "peer_principal"
)

// trusts says whether what the connection tells of its caller can be believed.
// The operator is told once of a listener that others can reach.
func (e *Enforcer) trusts(conn Connection) bool {
	if e.Caller != CallerProxyProtocol || conn.OverLoopback() {
		return true
	}
	e.strangeOnce.Do(func() {
		e.Log.Error("a connection came from another address than loopback, to a listener that takes callers from the " +
			"PROXY protocol: whoever reaches it could forge them, so all such connections are refused; " +
			"have the listener bind to 127.0.0.1 or ::1 only")
	})
	return false
}

// readCaller fills in who asks, and for which port; an unknown caller is empty.
// It returns false when there is nobody to believe.
func (e *Enforcer) readCaller(conn Connection, r *policy.Request) bool {
	switch e.Caller {
	case "", CallerCertificate:
		r.Principal = principal(conn.PeerURISANs())
		r.Port = RequestedPort(conn.RequestedServerName())
		return true
	case CallerProxyProtocol:
		if !e.trusts(conn) {
			return false
		}
		r.Principal = spiffeID(conn.ProxyIdentity())
		r.Port = conn.DestinationPort()
		return r.Port != 0 // else it would be any port
	}
	return false
}

// spiffeID is text if it is a SPIFFE ID, and else empty. A listener filter that
// was handed other bytes than UTF-8 has put '!' in their place, which no SPIFFE ID
// has (SPIFFE-ID, section 2).
func spiffeID(text string) string {
	rest, ok := strings.CutPrefix(text, "spiffe://")
	domain, path, _ := strings.Cut(rest, "/")
	if !ok || len(text) > maxPrincipal || domain == "" || strings.ContainsFunc(domain, notInTrustDomain) {
		return ""
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "" || segment == "." || segment == ".." || strings.ContainsFunc(segment, notInPath) {
			return ""
		}
	}
	return text
}

func notInTrustDomain(c rune) bool { return notInPath(c) || c >= 'A' && c <= 'Z' }

func notInPath(c rune) bool {
	return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_'
}
