package policy

import (
	"slices"

	"wildcard-egress/filter/policy/document"
	"wildcard-egress/filter/policy/glob"
)

// rule is one compiled rule, without its hosts.
type rule struct {
	name       string
	principals []glob.Glob // none: every caller
	ports      []uint16
	action     Action
	mode       document.Mode
	close      bool
	limits     *document.Limits // nil: none of its own
}

// admits reports whether the rule is about this caller and port.
func (r *rule) admits(principal string, port uint16) bool {
	_, ok := r.port(port)
	return ok && r.admitsCaller(principal)
}

// Admits reports whether a rule is about the caller, and about the port, of a
// request. It compiles the rule anew: it is for tools.
func Admits(r document.Rule, request Request) (caller, port bool) {
	compiled := compileRule(r, nil)
	_, port = compiled.port(request.Port)
	return compiled.admitsCaller(KnownPrincipal(request.Principal)), port
}

func (r *rule) admitsCaller(principal string) bool {
	switch {
	case len(r.principals) == 0:
		return true
	case principal == "":
		// Who it is can't be told: doubt ends closed.
		return r.action == Deny
	}
	return glob.MatchesAny(r.principals, principal)
}

// port returns the upstream port for the port asked for, 0 if unknown. A deny
// rule without ports is about every port.
func (r *rule) port(asked uint16) (port uint16, ok bool) {
	switch {
	case len(r.ports) == 0:
		return asked, r.action == Deny
	case asked == 0:
		return r.ports[0], true
	}
	return asked, slices.Contains(r.ports, asked)
}

// match collects what one request matches.
type match struct {
	policy  *Policy
	request Request
	best    [2][2]candidate // by action and mode
}

// candidate is a rule that matches; the zero value is none.
type candidate struct {
	rule        *rule
	index       uint32 // orders by name
	specificity int
}

// beats says which of two matching rules names the decision: the one with the
// more specific host, then the first by name.
func (c candidate) beats(other candidate) bool {
	switch {
	case c.rule == nil || other.rule == nil:
		return other.rule == nil
	case c.specificity != other.specificity:
		return c.specificity > other.specificity
	}
	return c.index < other.index
}

func (c candidate) max(other candidate) candidate {
	if other.beats(c) {
		return other
	}
	return c
}

// consider takes in the rules of a set whose host matches with specificity.
func (m *match) consider(set setID, specificity int) {
	for set != 0 {
		link := m.policy.sets[set]
		set = link.rest
		r := &m.policy.rules[link.rule]
		c := candidate{rule: r, index: link.rule, specificity: specificity}
		best := &m.best[r.action][r.mode]
		if c.beats(*best) && r.admits(m.request.Principal, m.request.Port) {
			*best = c
		}
	}
}
