// Package filter guards one connection from its first byte to its decision: it
// waits for the whole ClientHello, asks the policy, and lets the connection go
// on to the host that the client asked for, or refuses it with a reason. It is
// pure Go: what it needs of Envoy is the interface Connection.
package filter

import (
	"cmp"
	"errors"
	"strconv"
	"time"

	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"

	"wildcard-egress/filter/clienthello"
	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/document"
	"wildcard-egress/filter/policy/servername"
	"wildcard-egress/metrics"
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

// What a filter says of its connection, as filter states of plain text: the
// access log reads them, at less than half the cost of dynamic metadata. Those
// that would be empty are not set.
const (
	ServerNameKey     = "wildcard_egress.server_name"
	DecisionKey       = "wildcard_egress.decision"
	RuleKey           = "wildcard_egress.rule"
	ReasonKey         = "wildcard_egress.reason"
	DetailKey         = "wildcard_egress.detail"
	PrincipalKey      = "wildcard_egress.principal"
	ShadowRuleKey     = "wildcard_egress.shadow_rule"
	ShadowDecisionKey = "wildcard_egress.shadow_decision"
	ShadowReasonKey   = "wildcard_egress.shadow_reason"
	// RuleLabelKey and ShadowRuleLabelKey are what metrics call the rule, where
	// that is not its name: see RuleLabels.
	RuleLabelKey       = "wildcard_egress.rule_label"
	ShadowRuleLabelKey = "wildcard_egress.shadow_rule_label"
	// RequestedServerNameKey is the outer server name, said of refusals only.
	RequestedServerNameKey = "wildcard_egress.requested_server_name"
	// RefusalKey is the policy's refusal if it is not the alert, for the filters
	// behind; no log has it.
	RefusalKey = "wildcard_egress.refusal"
)

// CertificateExpiresKey is what an earlier filter sets to the end of the client
// certificate's validity, in seconds since 1970 (bootstrap.ExpiryFilter). Envoy
// checks it in full handshakes only: a TLS session would outlive it.
const CertificateExpiresKey = "wildcard_egress.certificate_expires"

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

// report says the decision in the filter state.
func (f *filter) report(r request, d policy.Decision) {
	f.say(ServerNameKey, r.shown)
	f.say(DecisionKey, d.Action.String())
	f.sayRule(RuleKey, RuleLabelKey, d.Rule)
	f.say(ReasonKey, string(d.Reason))
	f.say(DetailKey, r.detail)
	f.say(PrincipalKey, r.Principal)
	if !d.Shadow.Reported {
		return
	}
	f.sayRule(ShadowRuleKey, ShadowRuleLabelKey, d.Shadow.Rule)
	f.say(ShadowDecisionKey, d.Shadow.Action.String())
	f.say(ShadowReasonKey, string(f.shadowReason))
}

func (f *filter) sayRule(key, labelKey, rule string) {
	f.say(key, rule)
	if rule != "" && !f.enforcer.Rules.has(rule) {
		f.say(labelKey, metrics.Other)
	}
}

func (f *filter) say(key, value string) {
	if value != "" {
		f.conn.SetText(key, value)
	}
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
