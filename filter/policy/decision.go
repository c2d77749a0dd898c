// Package policy turns a policy file into an immutable, compiled Policy and
// decides with it. It is pure: data in, data out, no I/O, no Envoy.
package policy

import "fmt"

// Action is the outcome of a decision. The zero value denies.
type Action uint8

// The two outcomes.
const (
	Deny Action = iota
	Allow
)

// String returns "deny" or "allow", the words of the policy file and the access
// log. Every unknown value is "deny".
func (a Action) String() string {
	if a == Allow {
		return "allow"
	}
	return "deny"
}

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
	// ServerName is the canonical host name, as ParseServerName returns it.
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
