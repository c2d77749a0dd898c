package logs

import (
	"fmt"

	"wildcard-egress/accesslog"
	"wildcard-egress/filter/policy/document"
	"wildcard-egress/filter/policy/glob"
)

// Unknown is what a caller without a SPIFFE ID is called.
const Unknown = "unknown"

// Callers chooses callers. The zero value chooses all.
type Callers struct {
	globs   []glob.Glob
	unknown bool
	known   map[string]bool // what was asked before; bounded
}

// ParseCallers takes SPIFFE IDs, or globs of them as the policy has them, and
// "unknown".
func ParseCallers(texts []string) (*Callers, error) {
	c := &Callers{known: map[string]bool{}}
	for _, text := range texts {
		if text == Unknown {
			c.unknown = true
			continue
		}
		if fault := document.PrincipalFault(text); fault != "" {
			return nil, fmt.Errorf("%q: %s; or %s", text, fault, Unknown)
		}
		c.globs = append(c.globs, glob.Compile(text, '/', nil)...)
	}
	return c, nil
}

// maxKnown bounds the callers that are remembered.
const maxKnown = 1 << 14

// Has says whether a caller is chosen; empty is the unknown one.
func (c *Callers) Has(principal string) bool {
	if c == nil || len(c.globs) == 0 && !c.unknown {
		return true
	}
	if principal == "" {
		return c.unknown
	}
	has, known := c.known[principal]
	if !known {
		if len(c.known) == maxKnown {
			clear(c.known)
		}
		has = glob.MatchesAny(c.globs, principal)
		c.known[principal] = has
	}
	return has
}

// Only calls each with the lines of the chosen callers.
func (c *Callers) Only(each func(*accesslog.Entry)) func(*accesslog.Entry) {
	return func(e *accesslog.Entry) {
		if c.Has(e.Principal) {
			each(e)
		}
	}
}
