package policy

import (
	"fmt"
	"strings"
)

const (
	principalScheme   = "spiffe://"
	maxPrincipalBytes = 2048 // SPIFFE-ID, section 2.3
)

// principalFault says what is wrong with an entry of a rule's principals, if
// anything: a SPIFFE ID, or a glob of one with separator "/".
func principalFault(text string) string {
	path, ok := strings.CutPrefix(text, principalScheme)
	switch {
	case !ok:
		return `a principal is a SPIFFE ID, such as "spiffe://cluster.local/ns/payments/sa/*"`
	case len(text) > maxPrincipalBytes:
		return fmt.Sprintf("longer than %d bytes", maxPrincipalBytes)
	case path == "" || strings.HasPrefix(path, "/"):
		return `a trust domain is missing, such as "cluster.local" in "spiffe://cluster.local/ns/payments/sa/*"`
	case strings.HasSuffix(path, "/") || strings.Contains(path, "//"):
		return "empty path segment; remove the slash"
	}
	return globFault(text, '/', isPrincipalByte)
}

func isPrincipalByte(c byte) bool { return symbolOf[c] != 0 }

// knownPrincipal returns the principal if it can be one; all others are
// unknown callers, which only deny rules match.
func knownPrincipal(principal string) string {
	if len(principal) > maxPrincipalBytes {
		return ""
	}
	for i := range len(principal) {
		if !isPrincipalByte(principal[i]) {
			return ""
		}
	}
	return principal
}
