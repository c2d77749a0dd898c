package analysis

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/document"
)

// neverDecides looks for hosts of a rule without which all decisions would be
// the same: a deny rule goes first, or another rule with the same outcome has
// them too.
func (l *linter) neverDecides(rule int) {
	r := l.document.Rules[rule]
	by := make([]string, len(r.Hosts))
	covered := 0
	for i, host := range r.Hosts {
		if by[i] = l.cause(rule, host); by[i] != "" {
			covered++
		}
	}
	if covered == len(r.Hosts) {
		l.add(CheckNeverDecides, rule, -1, "rule %q never decides: %s; remove one of them", r.Name, inWords(distinct(by)))
		return
	}
	for i := range by {
		if by[i] != "" {
			l.add(CheckNeverDecides, rule, i, "never decides: %s; remove one of them", by[i])
		}
	}
}

// cause returns what makes a rule's host superfluous: first a deny rule, since
// it is what decides, then a rule with the same outcome.
func (l *linter) cause(rule int, host document.Pattern) (cause string) {
	r := l.document.Rules[rule]
	for _, wider := range l.around(host) {
		for _, other := range l.index.rules(wider) {
			if !l.outranks(other, wider, rule, host) {
				continue
			}
			o := l.document.Rules[other]
			if o.Action == policy.Deny && r.Action == policy.Allow {
				return fmt.Sprintf("rule %q (%q) denies it", o.Name, wider)
			}
			if cause == "" {
				cause = fmt.Sprintf("rule %q (%q) also %s it", o.Name, wider, map[policy.Action]string{policy.Deny: "denies", policy.Allow: "allows"}[o.Action])
			}
		}
	}
	return cause
}

// outranks reports whether rule other with its host wider makes rule with its
// host superfluous. Of two that do so to each other, the later one is.
func (l *linter) outranks(other int, wider document.Pattern, rule int, host document.Pattern) bool {
	o, r := &l.document.Rules[other], &l.document.Rules[rule]
	switch {
	case other == rule || o.Mode == document.ShadowMode && r.Mode == document.Enforce:
		return false
	case o.Action != r.Action && o.Action == policy.Allow:
		return false
	case o.Action == r.Action && o.Action == policy.Allow && (o.OnRevoke != r.OnRevoke || o.Ports[0] != r.Ports[0]):
		return false
	case r.Action == policy.Allow && o.Action == r.Action && (o.Limits != nil || r.Limits != nil): // each counts its own connections
		return false
	case !portsCover(o.Ports, r.Ports) || !l.principalsCover(o.Principals, r.Principals) || !l.containment.hosts(wider, host):
		return false
	case o.Action != r.Action:
		return true
	case o.Action == policy.Allow && l.comesBetween(other, wider, rule, host):
		return false
	}
	mutual := o.Mode == r.Mode && portsCover(r.Ports, o.Ports) && l.principalsCover(r.Principals, o.Principals) && l.containment.hosts(host, wider)
	return !mutual || other < rule
}

// comesBetween reports whether some allow rule would decide in place of rule other
// if it were not for the narrower host of rule, and with another outcome.
func (l *linter) comesBetween(other int, wider document.Pattern, rule int, host document.Pattern) bool {
	beats := func(a *document.Rule, x document.Pattern, b *document.Rule, y document.Pattern) bool {
		return cmp.Or(cmp.Compare(y.Specificity(), x.Specificity()), cmp.Compare(a.Name, b.Name)) < 0
	}
	o, r := &l.document.Rules[other], &l.document.Rules[rule]
	for _, pattern := range l.around(host) {
		for _, third := range l.index.rules(pattern) {
			t := &l.document.Rules[third]
			if t.Action == policy.Allow && (t.Ports[0] != r.Ports[0] || t.OnRevoke != r.OnRevoke || t.Limits != nil) && beats(r, host, t, pattern) && beats(t, pattern, o, wider) {
				return true
			}
		}
	}
	return false
}

// principalsCover reports whether the callers of wide include those of narrow.
func (l *linter) principalsCover(wide, narrow []string) bool {
	if len(wide) == 0 || len(narrow) == 0 {
		return len(wide) == 0
	}
	return !slices.ContainsFunc(narrow, func(n string) bool {
		return !slices.ContainsFunc(wide, func(w string) bool { return l.containment.principals(w, n) })
	})
}

// callersMeet reports whether some caller may be both in a and in b.
func (l *linter) callersMeet(a, b []string) bool {
	return len(a) == 0 || len(b) == 0 || slices.ContainsFunc(a, func(x string) bool {
		return slices.ContainsFunc(b, func(y string) bool { return anyFits(plainPrincipals(x), plainPrincipals(y)) })
	})
}

// portsCover reports whether the ports of wide include those of narrow; none are
// all.
func portsCover(wide, narrow []uint16) bool {
	if len(wide) == 0 || len(narrow) == 0 {
		return len(wide) == 0
	}
	return !slices.ContainsFunc(narrow, func(p uint16) bool { return !slices.Contains(wide, p) })
}

func portsMeet(a, b []uint16) bool {
	return len(a) == 0 || len(b) == 0 || slices.ContainsFunc(a, func(p uint16) bool { return slices.Contains(b, p) })
}

// principals looks for entries that no caller has.
func (l *linter) principals(rule int) {
	r := l.document.Rules[rule]
	if l.options.NoClientCertificates && len(r.Principals) > 0 {
		effect := "so this rule allows nobody"
		if r.Action == policy.Deny {
			effect = "so this rule denies everybody"
		}
		l.add(CheckUnknownCallers, rule, -1, "rule %q is for certain principals, but without client certificates every caller is unknown, %s", r.Name, effect)
	}
	for i, p := range r.Principals {
		if why := l.noWorkload(p); why != "" {
			l.add(CheckNoWorkload, rule, -1, "%q: %s", p, why)
			f := &l.findings[len(l.findings)-1]
			f.Line, f.Column, f.Path = r.PrincipalsAt[i].Line, r.PrincipalsAt[i].Column, fmt.Sprintf("%s.principals[%d]", f.Path, i)
		}
	}
}

// noWorkload says why no workload of Istio has an ID that an entry of a rule's
// principals matches. IDs of another form are nobody's mistake, so entries that
// don't look like Istio's are left alone.
func (l *linter) noWorkload(principal string) string {
	_, path, _ := strings.Cut(strings.TrimPrefix(principal, document.PrincipalScheme), "/")
	looksLikeIstio := path == "" || path == "*" || strings.HasPrefix(path, "ns/") || strings.Contains("/"+path, "/ns/") || strings.Contains("/"+path, "/sa/")
	if !looksLikeIstio {
		return ""
	}
	const form = document.PrincipalScheme + "TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT"
	s := search{scope: scope{principals: true}, deadline: l.deadline}
	s.must = []term{s.term(nil, plainPrincipals(principal)), s.term(nil, plainPrincipals(document.PrincipalScheme+"*/ns/*/sa/*"))}
	if _, v := s.run(); v == absent {
		return fmt.Sprintf("matches no workload: Istio's are %s, and %q and %q end at a slash", form, "*", "?")
	}
	if strings.ContainsFunc(path, func(c rune) bool { return 'A' <= c && c <= 'Z' || c == '_' }) && !strings.Contains(path, "[") {
		return "matches no workload: namespaces and service accounts of Kubernetes have no capital letters and no underscores"
	}
	return ""
}

// notTLS are ports on which clients don't begin with a TLS hello.
var notTLS = map[uint16]string{
	21: "FTP", 22: "SSH", 23: "Telnet", 25: "SMTP", 80: "HTTP", 110: "POP3", 143: "IMAP", 389: "LDAP", 587: "SMTP", 1433: "SQL Server",
	3306: "MySQL", 3389: "RDP", 5432: "Postgres", 8080: "HTTP", 11211: "memcached",
}

// ports tells once for each port that clients of its protocol don't begin with
// TLS.
func (l *linter) ports() {
	told := map[uint16]bool{}
	for i, r := range l.document.Rules {
		if r.Action == policy.Deny {
			continue
		}
		for _, port := range r.Ports {
			if protocol := notTLS[port]; protocol != "" && !told[port] {
				told[port] = true
				l.add(CheckPortNotTLS, i, -1, "rule %q has port %d: clients of %s don't begin with a TLS hello, so nothing passes unless yours do; in Istio the port becomes TLS for these hosts, beside others' listeners on it", r.Name, port, protocol)
			}
		}
	}
}

func distinct(words []string) []string {
	set := map[string]bool{}
	for _, word := range words {
		set[word] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// maxInWords bounds what is enumerated in a message.
const maxInWords = 3

// inWords enumerates.
func inWords(words []string) string {
	if more := len(words) - maxInWords; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(words[:maxInWords], ", "), more)
	}
	if n := len(words) - 1; n > 0 {
		return strings.Join(words[:n], ", ") + " and " + words[n]
	}
	return strings.Join(words, "")
}
