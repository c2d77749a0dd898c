package document

import "time"

// Settings are the policy defaults that concern a connection before it is
// decided.
type Settings struct {
	ClientHelloTimeout  time.Duration // in all, until the hello is whole
	MaxClientHelloBytes int           // of the handshake message
	RefuseECH           bool
	Refusal             Refusal
	Limits              Limits
	// LoggedRefusals is how many refused connections a second have a line in the
	// access log, and ten times as many at once; 0: all.
	LoggedRefusals uint32
}

// DefaultSettings are those of a policy that says nothing else. Fifty lines a
// second are some 17 KB: the 50 MiB that a kubelet keeps last for 50 minutes of them.
var DefaultSettings = Settings{ClientHelloTimeout: 5 * time.Second, MaxClientHelloBytes: 16384, Limits: DefaultLimits,
	LoggedRefusals: 50}

// Refusal is what a refused client sees.
type Refusal uint8

// The ways to refuse; the zero value is the policy's default.
const (
	RefuseWithAlert Refusal = iota // a TLS alert, then FIN
	RefuseWithClose                // FIN
	RefuseWithReset                // RST
)

// String returns the word of the policy file.
func (r Refusal) String() string {
	switch r {
	case RefuseWithClose:
		return "close"
	case RefuseWithReset:
		return "reset"
	}
	return "alert"
}

// Mode says whether a rule is enforced. The zero value enforces.
type Mode uint8

// The modes.
const (
	Enforce    Mode = iota
	ShadowMode      // decided and reported, not enforced
)

// String returns the word of the policy file.
func (m Mode) String() string {
	if m == ShadowMode {
		return "shadow"
	}
	return "enforce"
}

// OnRevoke says what happens to a live connection that a new policy denies.
type OnRevoke uint8

// The ways to treat live connections.
const (
	Keep OnRevoke = iota
	Close
)

// String returns the word of the policy file.
func (o OnRevoke) String() string {
	if o == Close {
		return "close"
	}
	return "keep"
}
