package document

import (
	"fmt"
	"strings"

	"wildcard-egress/filter/policy/glob"
)

// What every SPIFFE ID begins with, and how long it may be.
const (
	PrincipalScheme   = "spiffe://"
	MaxPrincipalBytes = 2048 // SPIFFE-ID, section 2.3
)

// SPIFFEIDFault says why text is no SPIFFE ID of one caller; it is empty for one.
func SPIFFEIDFault(text string) string {
	if glob.HasMeta(text) {
		return "a glob is no SPIFFE ID; write one that a caller has"
	}
	return PrincipalFault(text)
}

// PrincipalFault says what is wrong with an entry of a rule's principals, if
// anything: a SPIFFE ID, or a glob of one with separator "/".
func PrincipalFault(text string) string {
	path, ok := strings.CutPrefix(text, PrincipalScheme)
	switch {
	case !ok:
		return `a principal is a SPIFFE ID, such as "spiffe://cluster.local/ns/payments/sa/*"`
	case len(text) > MaxPrincipalBytes:
		return fmt.Sprintf("longer than %d bytes", MaxPrincipalBytes)
	case path == "" || strings.HasPrefix(path, "/"):
		return `a trust domain is missing, such as "cluster.local" in "spiffe://cluster.local/ns/payments/sa/*"`
	case strings.HasSuffix(path, "/") || strings.Contains(path, "//"):
		return "empty path segment; remove the slash"
	}
	return glob.Fault(text, '/', glob.IsSymbol)
}
