// Package policy is what decides: an immutable Policy, compiled from a document,
// and its answer to one request. It is pure: data in, data out, no I/O, no Envoy.
//
// For each connection run policy.go (Decide), rule.go, principal.go, globindex.go
// and the look-ups of table.go, with packages servername and glob. compile.go,
// sorted.go and the rest of table.go run when a policy is loaded. What can be
// written is in package document, what only tools use in package analysis, which
// the module does not link.
package policy

import (
	"fmt"

	"wildcard-egress/filter/policy/document"
)

// Action is the outcome of a decision, in the words of the policy file. The
// zero value denies.
type Action = document.Action

// The two outcomes.
const (
	Deny  = document.Deny
	Allow = document.Allow
)

// Reason says why a connection was refused, in snake_case. It appears in
// logs, metric names and close details, so it is always one of the constants
// of this package or of package filter, never text from the wire. An allowed
// connection has the empty reason.
type Reason string

// The reasons that the policy itself gives.
const (
	NoPolicy     Reason = "no_policy"      // no good policy was loaded yet
	NoRule       Reason = "no_rule"        // no allow rule matches
	DeniedByRule Reason = "denied_by_rule" // an enforced deny rule matches
)

// Request is one question to the policy.
type Request struct {
	// ServerName is the canonical host name, as servername.Parse returns it.
	ServerName string
	// Principal is the only URI SAN of the verified client certificate; empty
	// when the caller is unknown (no certificate, or not exactly one URI SAN).
	Principal string
	// Port is the port that the client asked for; 0 when the mesh does not tell.
	Port uint16
}

// Decision is the answer to one Request. The zero value denies.
type Decision struct {
	Action Action
	Reason Reason // why it is denied; empty when allowed
	Rule   string // the rule that decided; empty when none did
	Port   uint16 // the upstream port; 0 unless allowed
	// CloseOnRevoke says what happens to this connection, once allowed, when a
	// later policy denies it: closed if true, kept if false.
	CloseOnRevoke bool
	// Limits are the rule's own, beside those of Settings; nil: it has none.
	Limits *document.Limits
	// Shadow reports what the rules in shadow mode would have changed.
	Shadow Shadow
}

// Shadow is what would have been decided if the rules in shadow mode were
// enforced. The zero value reports nothing.
type Shadow struct {
	Reported bool   // a shadow rule or the shadow default applied
	Action   Action // the would-be outcome
	Rule     string // the shadow rule; empty for the shadow default
}

// Summary returns the decision in words for people, such as `allow to port 443
// by rule "x"` or "deny (no_rule)".
func (d Decision) Summary() string {
	text := d.Action.String()
	if d.Action == Allow {
		text += fmt.Sprintf(" to port %d", d.Port)
	}
	if d.Rule != "" {
		text += fmt.Sprintf(" by rule %q", d.Rule)
	}
	if d.Reason != "" {
		text += fmt.Sprintf(" (%s)", d.Reason)
	}
	return text
}
