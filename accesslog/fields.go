// Package accesslog is the gateway's access log line, once: what is in it, when,
// and what the words in it mean. Package bootstrap renders it for Envoy, and
// docs/access-log.md is held to it by a test.
package accesslog

import (
	"slices"

	"wildcard-egress/filter"
	"wildcard-egress/outcome"
)

// Field is one key of the line, which is a JSON object.
type Field struct {
	Name    string
	Type    string // of JSON: string or number
	When    string // it is there; where Envoy cannot leave a key out it is null else
	Meaning string
	// Operator is Envoy's command operator for the value.
	Operator string
}

// The dynamic metadata that the module sets to 1, for the filters of access logs.
const (
	MarkNamespace   = "wildcard_egress"
	LeftOutMark     = "line_left_out" // the connection is to have no line
	SiteReachedMark = "site_reached"  // at its end, if it had an address of a site
)

// Fields are the keys of the line. Envoy sorts them, and escapes what came from
// the wire.
func Fields() []Field { return append([]Field{}, fields...) }

// OfOuterTLS are the fields that only a gateway which ends an outer TLS can fill:
// one behind ztunnel leaves them out.
var OfOuterTLS = []string{"requested_server_name", "downstream_transport_failure_reason"}

var fields = []Field{
	{"time", "string", "always", "when the connection began, UTC", "%START_TIME%"},
	{"event", "string", "with --log-open or --log-interval",
		"`open` when the upstream is connected, `interval` while it lives, `end`", ""},
	{"downstream_remote_address", "string", "always", "address and port of the client: the sidecar", "%DOWNSTREAM_REMOTE_ADDRESS%"},
	{"principal", "string", "the caller is known", "the one SPIFFE ID of the certificate that the handshake verified", said(filter.PrincipalKey)},
	{"server_name", "string", "a name was read", "the inner server name; escaped and cut if it is no host name", said(filter.ServerNameKey)},
	{"decision", "string", "one was made", "`allow` or `deny`", said(filter.DecisionKey)},
	{"rule", "string", "a rule made the decision", "its name", said(filter.RuleKey)},
	{"reason", "string", "something went wrong", "why it was refused, or why it failed or was cut though it was allowed", reason},
	{"detail", "string", "the reason has one", "what exactly is wrong", said(filter.DetailKey)},
	{"shadow_rule", "string", "a shadow rule would decide otherwise", "its name", said(filter.ShadowRuleKey)},
	{"shadow_decision", "string", "a shadow rule would decide otherwise", "its decision", said(filter.ShadowDecisionKey)},
	{"shadow_reason", "string", "a limit in shadow mode is over", "what it would be refused for", said(filter.ShadowReasonKey)},
	{"lines_left_out", "number", "refusals before it have no line", "how many: only so many a second have one", "%DYNAMIC_METADATA(" + MarkNamespace + ":lines_left_out)%"},
	{"requested_server_name", "string", "it was refused", "the outer server name, which has the port that was asked for", said(filter.RequestedServerNameKey)},
	{"downstream_transport_failure_reason", "string", "the outer TLS failed", "Envoy's text", "%DOWNSTREAM_TRANSPORT_FAILURE_REASON%"},
	{"upstream_remote_address", "string", "the upstream was reached", "the address and port that was reached", "%UPSTREAM_REMOTE_ADDRESS%"},
	{"upstream_transport_failure_reason", "string", "it could not be connected", "Envoy's text, of the address that was tried last", "%UPSTREAM_TRANSPORT_FAILURE_REASON%"},
	{"response_flags", "string", "always", "Envoy's flags; `-` for none", "%RESPONSE_FLAGS%"},
	{"bytes_received", "number", "always", "bytes of the client that were relayed, by the count of tcp_proxy", "%DOWNSTREAM_WIRE_BYTES_RECEIVED%"},
	{"bytes_sent", "number", "always", "bytes sent to the client", "%DOWNSTREAM_WIRE_BYTES_SENT%"},
	{"duration", "number", "always", "milliseconds from the first byte of TCP on", "%DURATION%"},
}

// said is what a filter of this module says under a key.
func said(key string) string { return "%FILTER_STATE(" + key + ":PLAIN)%" }

// reason is the first that is there: what a filter of this module says, why
// Envoy closed the connection, how its end is called.
const reason = `%COALESCE({"operators": [{"command": "FILTER_STATE", "param": "` + filter.ReasonKey + `:PLAIN"}, ` +
	`"DOWNSTREAM_LOCAL_CLOSE_REASON", "CONNECTION_TERMINATION_DETAILS"]})%`

// Reasons are the words of the field reason: those of this module, and those of
// Envoy that network.md explains. Other text of Envoy's may stand there too.
func Reasons() []string {
	var words []string
	for _, r := range filter.Reasons() {
		words = append(words, string(r))
	}
	for _, w := range append(slices.Clone(outcome.Words), outcome.EnvoyWords...) {
		words = append(words, w.Reason)
	}
	slices.Sort(words)
	return slices.Compact(words) // both have panic
}

// Event is one of the moments when a line is written.
type Event string

// The events.
const (
	Open     Event = "open"
	Interval Event = "interval"
	End      Event = "end"
)

// Format returns keys and operators of a line; event "" leaves the key out.
func Format(event Event) map[string]string {
	format := map[string]string{}
	for _, f := range fields {
		format[f.Name] = f.Operator
	}
	delete(format, "event")
	if event != "" {
		format["event"] = string(event)
	}
	return format
}
