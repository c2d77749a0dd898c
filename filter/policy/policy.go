package policy

import (
	"strings"

	"wildcard-egress/filter/policy/document"
)

// Policy is a compiled policy. It is immutable after Compile, so all workers
// share one. The zero Policy (and a nil *Policy) denies everything with
// NoPolicy.
type Policy struct {
	rules     []rule // in the order of their names
	sets      ruleSets
	domains   domainTable
	any       setID       // the rules with "*"
	globs     []globIndex // by the domain that the globs end with
	anyDomain int         // one more than the index of the globs that end with no domain; deny rules have such
	settings  document.Settings
	shadow    bool // defaults.mode is shadow
	close     bool // defaults.on_revoke is close
}

// Decide answers r. It does not allocate. The result does not depend on the
// order of the rules.
func (p *Policy) Decide(r Request) Decision {
	if p == nil || p.rules == nil {
		return Decision{Reason: NoPolicy}
	}
	if r.ServerName == "" {
		return Decision{Reason: NoRule}
	}
	r.Principal = KnownPrincipal(r.Principal)
	m := match{policy: p, request: r}
	p.walk(r.ServerName, &m)
	return m.decision()
}

// walk shows m all rules with a host that matches name. It goes from the last
// label to the first and ends where the policy knows nothing further.
func (p *Policy) walk(name string, m *match) {
	if strings.IndexByte(name, '.') > 0 {
		m.consider(p.any, 0)
	}
	if p.anyDomain != 0 {
		p.globs[p.anyDomain-1].walk(name, m)
	}
	var parent uint32
	var hash uint64
	for end := len(name); end > 0; {
		start, code := labelBefore(name, end)
		if code == 0 {
			return
		}
		hash = childHash(hash, code)
		i, found := p.domains.child(parent, hash, code, name[start:end])
		if !found {
			return
		}
		rules := &p.domains.rules[p.domains.nodes[i].rules]
		if start == 0 {
			m.consider(rules.exact, document.ExactSpecificity)
			return
		}
		m.consider(rules.under, len(name)-start+len("."))
		if rules.globs != 0 {
			p.globs[rules.globs-1].walk(name[:start-1], m)
		}
		if !rules.hasChildren {
			return
		}
		parent, end = i, start-1
	}
}

// upstreamPort is where the shadow default sends what no rule allows, when
// the mesh does not tell the port.
const upstreamPort = 443

// decision weighs what matched. Rules in shadow mode count for the report
// only: it says what the policy would decide if they were enforced, whenever
// that hangs on one of them or on the shadow default.
func (m *match) decision() Decision {
	deny, allow := m.best[Deny][document.Enforce], m.best[Allow][document.Enforce]
	d := Decision{Action: Deny, Reason: NoRule}
	switch {
	case deny.rule != nil:
		d = Decision{Action: Deny, Reason: DeniedByRule, Rule: deny.rule.name}
	case allow.rule != nil:
		port, _ := allow.rule.port(m.request.Port)
		d = Decision{Action: Allow, Rule: allow.rule.name, Port: port, CloseOnRevoke: allow.rule.close, Limits: allow.rule.limits}
	case m.policy.shadow:
		port := m.request.Port
		if port == 0 {
			port = upstreamPort
		}
		d = Decision{Action: Allow, Port: port, CloseOnRevoke: m.policy.close}
		d.Shadow = Shadow{Reported: true, Action: Deny}
	}
	denies := deny.max(m.best[Deny][document.ShadowMode])
	allows := allow.max(m.best[Allow][document.ShadowMode])
	switch {
	case denies.rule != nil && denies.rule.mode == document.ShadowMode:
		d.Shadow = Shadow{Reported: true, Action: Deny, Rule: denies.rule.name}
	case denies.rule == nil && allows.rule != nil && allows.rule.mode == document.ShadowMode:
		d.Shadow = Shadow{Reported: true, Action: Allow, Rule: allows.rule.name}
	}
	return d
}

// Settings returns the policy's settings for a connection before its decision.
// A nil or zero Policy has the built-in values.
func (p *Policy) Settings() document.Settings {
	if p == nil || p.rules == nil {
		return document.DefaultSettings
	}
	return p.settings
}
