package clienthello

import "errors"

// What Feed's errors wrap. The errors themselves say what is wrong and where.
var (
	ErrIncomplete   = errors.New("the hello is not whole yet")
	ErrNotTLS       = errors.New("not a TLS handshake")
	ErrMalformed    = errors.New("malformed ClientHello")
	ErrTooLarge     = errors.New("ClientHello over the limit")
	ErrNoServerName = errors.New("no server name")
)
