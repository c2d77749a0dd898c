//go:build fault

package envoy

import "os"

// fault panics in the hook that WILDCARD_EGRESS_PANIC names: the test of the
// barriers. It exists only in builds with the tag "fault".
func fault(hook string) {
	if os.Getenv("WILDCARD_EGRESS_PANIC") == hook {
		panic("forced in " + hook)
	}
}
