package livepolicy

import (
	"fmt"

	"wildcard-egress/filter/policy/document"
)

// EndMark says which policies must have the end mark, or be JSON, whose last
// brace does the same: without it, one that was cut at the end of a line is a
// policy with fewer rules, and may allow what a lost line denied.
type EndMark int

const (
	// EndMarkInPlace wants it of a file that was written in place or that came in
	// an unknown way, but not of one that was renamed to its place, nor of the
	// first one; and of each policy that follows one that has it.
	EndMarkInPlace EndMark = iota
	EndMarkAlways          // of the first one too, however it comes
	EndMarkNever
)

// missing says why data may be a part of a policy only; empty: it is whole, as
// far as can be told. after is the policy in force, inPlace how data came.
func (m EndMark) missing(data []byte, after compiled, inPlace bool) string {
	if m == EndMarkNever || document.HasEndMark(data) || len(data) == 0 { // nothing is no policy anyway
		return ""
	}
	why := ""
	switch {
	case m == EndMarkAlways:
		why = "require_end_mark is set"
	case after.marked:
		why = "the policy in force has it"
	case inPlace:
		why = "it did not come by rename"
	default:
		return ""
	}
	return fmt.Sprintf("the last line is not %q, so the policy may be cut off, and %s; end it with that line", document.EndMark, why)
}
