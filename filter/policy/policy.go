package policy

import "time"

// Policy is a compiled policy. It is immutable after Compile, so all workers
// share one. The zero Policy (and a nil *Policy) denies everything with
// NoPolicy.
type Policy struct{}

// Decide answers r. It does not allocate. The result does not depend on the
// order of the rules.
func (p *Policy) Decide(r Request) Decision { return Decision{Reason: NoPolicy} }

// Settings returns the policy's settings for a connection before its decision.
// A nil or zero Policy has the built-in values.
func (p *Policy) Settings() Settings { return Settings{} }

// Settings are the policy defaults that concern a connection before it is
// decided.
type Settings struct {
	ClientHelloTimeout  time.Duration // in all, until the hello is whole
	MaxClientHelloBytes int           // of the handshake message
	RefuseECH           bool
	Refusal             Refusal
}

// Refusal is what a refused client sees.
type Refusal uint8

// The ways to refuse; the zero value is the policy's default.
const (
	RefuseWithAlert Refusal = iota // a TLS alert, then FIN
	RefuseWithClose                // FIN
	RefuseWithReset                // RST
)
