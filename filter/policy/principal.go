package policy

import (
	"wildcard-egress/filter/policy/document"
	"wildcard-egress/filter/policy/glob"
)

// KnownPrincipal returns the principal if it can be one; all others are
// unknown callers, which only deny rules match.
func KnownPrincipal(principal string) string {
	if len(principal) > document.MaxPrincipalBytes {
		return ""
	}
	for i := range len(principal) {
		if !glob.IsSymbol(principal[i]) {
			return ""
		}
	}
	return principal
}
