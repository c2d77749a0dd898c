package logs

import (
	"strings"

	"wildcard-egress/filter"
	"wildcard-egress/filter/policy"
	"wildcard-egress/outcome"
)

// advices say what to do about refusals (docs/operations.md).
var advices = map[policy.Reason]string{
	policy.NoRule:                "no rule allows it: explain says why not; logs learn writes the rule, if it is meant to be open",
	policy.DeniedByRule:          "a deny rule is there on purpose: ask who wrote it, or the caller to stop",
	policy.NoPolicy:              "the gateway has no good policy: its log and preflight say why",
	filter.HandshakeFailed:       "the outer mTLS failed: downstream_transport_failure_reason in the line; the caller's certificate",
	filter.CertificateExpired:    "the caller's certificate has expired: its renewal",
	filter.NotTLS:                "the client does not begin with TLS: detail says what it speaks; the wrong port?",
	filter.Malformed:             "a hello that TLS forbids: inspect with its bytes",
	filter.TooLarge:              "a larger hello than max_client_hello_bytes: raise it, if the client is one of yours",
	filter.Incomplete:            "the client left before its hello was whole: a probe, or an impatient client",
	filter.NoServerName:          "the client names no host: Node's tls.connect needs servername; a dial by address has none",
	filter.InvalidServerName:     "the client asks for an address, or for what is no host name: it has to name the host",
	filter.ECHRefused:            "the hello has encrypted_client_hello, and refuse_ech is set: browsers send it always",
	filter.Timeout:               "no hello came: a client that waits for the server to speak first (SMTP, MySQL), or a silent one",
	filter.TooManyWaiting:        "too many connections wait for their hello: the source that opens them; docs/callers.md",
	filter.TooManyNames:          "over a limit of names: detail says whose; docs/callers.md",
	filter.TooManyConnections:    "over a limit of connections: detail says whose; docs/callers.md",
	filter.TooManyNewConnections: "over a limit of new connections: detail says whose; docs/callers.md",
	filter.ConnectionTooLong:     "it lasted as long as connection_duration lets it: raise that, or have the client reconnect",
	filter.NotLoopback:           "a PROXY header came from elsewhere than loopback: the listener has to bind to 127.0.0.1 only",
	filter.Loop:                  "the name resolves to the gateway itself: look at DNS, and at --address-guard and --guard-allow",
	filter.TooLittleMemory:       "the gateway was near its limit of memory: give the pod more, or fewer connections (--max-connections)",
	filter.HostError:             "Envoy did not take the upstream: the gateway's log; please report it",
	filter.Revoked:               "an edit of the policy forbids it, and its rule says on_revoke: close",
	filter.Panic:                 "a bug of the module: the gateway's log has the stack; please report it",
}

// Advice says what to do about a reason; empty for those that nobody here knows.
func Advice(reason string) string {
	if advice := advices[policy.Reason(reason)]; advice != "" {
		return advice
	}
	for _, words := range [][]outcome.Word{outcome.Words, outcome.EnvoyWords} {
		for _, w := range words {
			if w.Reason == reason {
				return strings.ReplaceAll(w.Cause+": "+w.Remedy, "`", "")
			}
		}
	}
	return ""
}
