//go:build fault

package envoy

import "os"

// Fault fails at the point that WILDCARD_EGRESS_PANIC names: the test of the
// barriers. "nil:" before the name is a nil dereference, which comes as a
// signal. It exists only in builds with the tag "fault".
func Fault(point string) {
	switch os.Getenv("WILDCARD_EGRESS_PANIC") {
	case point:
		panic("forced in " + point)
	case "nil:" + point:
		var none *Conn
		_ = none.c.state
	}
}
