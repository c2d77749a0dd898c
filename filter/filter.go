// Package filter guards one connection from its first byte to its decision: it
// waits for the whole ClientHello, asks the policy, and lets the connection go
// on to the host that the client asked for, or refuses it with a reason. It is
// pure Go: what it needs of Envoy is the interface Connection.
package filter

import (
	"cmp"
	"errors"
	"strconv"

	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"

	"wildcard-egress/filter/clienthello"
	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/document"
	"wildcard-egress/filter/policy/servername"
)

// What sni_dynamic_forward_proxy and the dynamic forward proxy cluster read.
// Without the first they would take the outer server name, without the second
// port 80 (source/extensions/filters/network/sni_dynamic_forward_proxy).
const (
	dynamicHost = "envoy.upstream.dynamic_host"
	dynamicPort = "envoy.upstream.dynamic_port"
)

// filter is one connection before its decision. After OnData has returned
// Continue or the connection is closed it is not called again.
type filter struct {
	api.EmptyDownstreamFilter
	conn     Connection
	enforcer *Enforcer
	settings document.Settings // in force when the first bytes came
	parser   clienthello.Parser
	begun    bool // a byte has come

	shadowReason policy.Reason // the limit in shadow mode that is over
}

// OnNewConnection waits for the first bytes.
func (f *filter) OnNewConnection() api.FilterStatus { return api.NetworkFilterStopIteration }

// OnData takes the bytes that follow those of earlier calls.
func (f *filter) OnData(hello []byte, endOfStream bool) api.FilterStatus {
	if !f.enforcer.trusts(f.conn) {
		return f.refuse(request{}, policy.Decision{Reason: NotLoopback}, nil)
	}
	first := !f.begun
	f.begun = f.begun || len(hello) > 0
	parsed, err := f.parser.Feed(hello)
	if first {
		err = clienthello.Named(err, hello)
	}
	if errors.Is(err, clienthello.ErrIncomplete) {
		if endOfStream {
			return f.refuse(request{}, policy.Decision{Reason: Incomplete}, err)
		}
		f.conn.WaitFor(f.parser.Need())
		return api.NetworkFilterStopIteration
	}
	if err != nil {
		return f.refuse(request{}, policy.Decision{Reason: reasonOf(err)}, err)
	}
	return f.decide(parsed)
}

// OnEvent hears that the client left before its hello was whole.
func (f *filter) OnEvent(event api.ConnectionEvent) {
	if event != api.RemoteClose {
		return
	}
	reason := Incomplete
	if !f.conn.Connected() {
		reason = HandshakeFailed
	}
	f.refuse(request{}, policy.Decision{Reason: reason}, nil)
}

// OnDeadline ends a connection whose hello took too long.
func (f *filter) OnDeadline() {
	f.refuse(request{}, policy.Decision{Reason: Timeout}, nil)
}

func (f *filter) decide(hello clienthello.Hello) api.FilterStatus {
	if hello.ECH {
		f.conn.Count(counterECH)
	}
	name, err := servername.Parse(hello.ServerName)
	if err != nil {
		return f.refuse(request{shown: printable(hello.ServerName)}, policy.Decision{Reason: InvalidServerName}, err)
	}
	r := request{shown: name, Request: policy.Request{ServerName: name}}
	if !f.enforcer.readCaller(f.conn, &r.Request) {
		return f.refuse(r, policy.Decision{Reason: HostError}, nil)
	}
	if f.conn.Expired() {
		return f.refuse(r, policy.Decision{Reason: CertificateExpired}, nil)
	}
	if hello.ECH && f.settings.RefuseECH {
		return f.refuse(r, policy.Decision{Reason: ECHRefused}, nil)
	}
	r.caller = cmp.Or(r.Principal, f.conn.RemoteAddress())
	decision := f.enforcer.Policy().Decide(r.Request)
	if decision.Action != policy.Allow {
		return f.refuse(r, decision, nil)
	}
	return f.allow(r, decision)
}

// allow sends the connection to the approved host, and to nothing else: the
// name that was matched is the name that is dialled, logged and resolved.
func (f *filter) allow(r request, d policy.Decision) api.FilterStatus {
	port := d.Port
	if f.enforcer.UpstreamPort != 0 {
		port = f.enforcer.UpstreamPort
	}
	if port == 0 || !f.conn.SetFilterState(dynamicHost, r.ServerName) ||
		!f.conn.SetFilterState(dynamicPort, strconv.Itoa(int(port))) {
		return f.refuse(r, policy.Decision{Reason: HostError, Rule: d.Rule}, nil)
	}
	if reason, detail := f.enter(r, &d); reason != "" {
		r.detail = detail
		return f.refuse(r, policy.Decision{Reason: reason, Rule: d.Rule}, nil)
	}
	ownPort := f.dialsOwnPort(port)
	if ownPort && f.conn.FromThisProcess() {
		return f.refuse(r, policy.Decision{Reason: Loop, Rule: d.Rule}, nil)
	}
	f.conn.LastAtMost(f.duration(d))
	if d.CloseOnRevoke {
		if !f.conn.Track(label(f.enforcer.ID, r.Request)) {
			return f.refuse(r, policy.Decision{Reason: HostError, Rule: d.Rule}, nil)
		}
		// A policy that came since may have looked at the tracked connections
		// before this one was among them.
		if now := f.enforcer.Newest().Decide(r.Request); now.Action != policy.Allow {
			return f.refuse(r, now, nil)
		}
	}
	// An unknown caller's header is not the address that it is counted by.
	unknown := r.Principal == "" && f.enforcer.Caller == CallerProxyProtocol
	if !d.CloseOnRevoke && f.shadowReason == "" && !unknown && !ownPort {
		f.conn.Remember()
	}
	f.report(r, d)
	if f.settings.Refusal != document.RefuseWithAlert {
		f.say(RefusalKey, f.settings.Refusal.String())
	}
	f.conn.Count(counterAllowed)
	f.enforcer.logAllowed(r, d)
	return api.NetworkFilterContinue
}

// dialsOwnPort says whether the connection goes to the port on which it came: then
// the name may resolve to the gateway, which would dial itself. Each of them is to
// be looked at. Behind ztunnel the listener takes no connection without a header.
func (f *filter) dialsOwnPort(port uint16) bool {
	return f.enforcer.Caller != CallerProxyProtocol && port == f.conn.DestinationPort()
}

func (f *filter) refuse(r request, d policy.Decision, cause error) api.FilterStatus {
	if r.Principal == "" && f.conn.Connected() { // before, nobody has checked the certificate
		f.enforcer.readCaller(f.conn, &r.Request)
	}
	d.Action = policy.Deny
	r.detail = cmp.Or(r.detail, detailOf(cause))
	f.report(r, d)
	f.say(RequestedServerNameKey, printable([]byte(f.conn.RequestedServerName())))
	f.conn.Count(counterOf(d.Reason))
	f.enforcer.logRefused(r, d, f.begun)
	f.close(d.Reason)
	return api.NetworkFilterStopIteration
}

// detailOf is the fixed word that says what exactly is wrong with a hello.
func detailOf(err error) string {
	var e *clienthello.Error
	if !errors.As(err, &e) {
		return ""
	}
	return e.Reason
}

func reasonOf(err error) policy.Reason {
	switch {
	case errors.Is(err, clienthello.ErrNotTLS):
		return NotTLS
	case errors.Is(err, clienthello.ErrTooLarge):
		return TooLarge
	case errors.Is(err, clienthello.ErrNoServerName):
		return NoServerName
	}
	return Malformed
}
