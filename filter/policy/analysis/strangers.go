package analysis

import (
	"fmt"
	"time"

	"wildcard-egress/filter/policy/document"
)

// OpenToStrangers says why a wildcard below a domain would open names that others
// can register, or a front that serves others' sites: what Lint warns of. It is
// empty if it would not.
func OpenToStrangers(domain string) string {
	host, err := document.ParsePattern("*." + domain)
	if err != nil {
		return err.Error()
	}
	if suffix, _, _ := openSuffix(host); suffix != "" {
		return fmt.Sprintf("anybody can register a name under the public suffix %q", suffix)
	}
	l := linter{}
	l.deadline = time.Now().Add(lintLimit)
	if front, about := l.sharedFront(host); front != "" {
		return fmt.Sprintf("%q is %s", front, about)
	}
	return ""
}
