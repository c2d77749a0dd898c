// Package analysis is what people ask of a policy before it is in force: what is
// probably not meant (Lint), what a change changes (Compare), why a decision is
// made (Explain), whether decisions are as expected (Try). Only the command line
// uses it; the module does not link it.
package analysis

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/document"
	"wildcard-egress/filter/policy/glob"
)

// Finding is something in a good policy that is probably not meant.
type Finding struct {
	document.Problem
	Check string `json:"check"` // one of the Check constants
	Rule  string `json:"rule"`
}

// The checks of Lint.
const (
	CheckAnyHost      = "any_host"      // "*" in an allow rule
	CheckPublicSuffix = "public_suffix" // a wildcard under which anybody can register
	CheckSharedHost   = "shared_host"   // a front that serves what others put behind it
	CheckSingleLabel  = "single_label"  // a name without a dot
	CheckNeverDecides = "never_decides" // another rule always decides
)

// Lint returns what is probably not meant in d, in the file's order.
func Lint(d *document.Document) []Finding {
	l := linter{document: d, index: newHostIndex(d.Rules)}
	for i := range d.Rules {
		l.hosts(i)
		l.neverDecides(i)
	}
	slices.SortStableFunc(l.findings, func(a, b Finding) int { return a.Compare(b.Problem) })
	return l.findings
}

type linter struct {
	document *document.Document
	index    *hostIndex
	findings []Finding
}

// add notes a finding about a host, or about the whole rule if host is -1.
func (l *linter) add(check string, rule, host int, format string, args ...any) {
	r := l.document.Rules[rule]
	at, path := r.At, fmt.Sprintf("rules[%d]", rule)
	if host >= 0 {
		at, path = r.HostsAt[host], fmt.Sprintf("%s.hosts[%d]", path, host)
		format = "%q: " + format
		args = slices.Insert(args, 0, any(r.Hosts[host].String()))
	}
	l.findings = append(l.findings, Finding{
		Check: check, Rule: r.Name,
		Problem: document.Problem{File: l.document.File, Line: at.Line, Column: at.Column, Path: path, Message: fmt.Sprintf(format, args...)},
	})
}

// hosts looks for hosts that an allow rule opens wider than they look.
func (l *linter) hosts(rule int) {
	r := l.document.Rules[rule]
	if r.Action == policy.Deny {
		return
	}
	for i, host := range r.Hosts {
		front, about := sharedFront(host)
		switch {
		case host.Kind() == document.Any:
			l.add(CheckAnyHost, rule, i, "allows every host; list the domains instead")
		case host.Kind() == document.Exact && !strings.Contains(host.String(), "."):
			l.add(CheckSingleLabel, rule, i, "has no dot, so no public DNS name is meant; write the full name")
		case host.Kind() == document.Wildcard && isPublicSuffix(host.Domain()):
			l.add(CheckPublicSuffix, rule, i, "anybody can register a name under the public suffix %q; list the domains instead", host.Domain())
		case front != "":
			l.add(CheckSharedHost, rule, i, "%q is %s", front, about)
		}
	}
}

// isPublicSuffix also knows domains whose every child is a public suffix.
func isPublicSuffix(domain string) bool {
	suffix, _ := publicsuffix.PublicSuffix(domain)
	below, _ := publicsuffix.PublicSuffix("any." + domain)
	return suffix == domain || below == "any."+domain
}

// neverDecides looks for hosts of a rule for which another rule with the same
// outcome, or a deny rule, decides whenever this rule could.
func (l *linter) neverDecides(rule int) {
	r := l.document.Rules[rule]
	by := make([]string, len(r.Hosts))
	covered := 0
	for i, host := range r.Hosts {
		for _, wider := range l.index.covering(host) {
			for _, other := range l.index.rules[wider.String()] {
				if by[i] == "" && l.outranks(other, wider, rule, host) {
					by[i] = fmt.Sprintf("rule %q (%q) %s", l.document.Rules[other].Name, wider.String(), verb(l.document.Rules[other].Action))
					covered++
				}
			}
		}
	}
	if covered == len(r.Hosts) {
		l.add(CheckNeverDecides, rule, -1, "rule %q never decides: %s it; remove one of them", r.Name, by[0])
		return
	}
	for i := range by {
		if by[i] != "" {
			l.add(CheckNeverDecides, rule, i, "never decides: %s it; remove one of them", by[i])
		}
	}
}

func verb(a policy.Action) string {
	if a == policy.Deny {
		return "denies"
	}
	return "also allows"
}

// outranks reports whether rule other with its host wider makes rule with its
// host superfluous. Of two that do so to each other, the later one is.
func (l *linter) outranks(other int, wider document.Pattern, rule int, host document.Pattern) bool {
	o, r := l.document.Rules[other], l.document.Rules[rule]
	switch {
	case other == rule || o.Mode == document.ShadowMode && r.Mode == document.Enforce:
		return false
	case !principalsCover(o.Principals, r.Principals) || !portsCover(o.Ports, r.Ports):
		return false
	case o.Action == policy.Deny && r.Action == policy.Allow:
		return true
	case o.Action != r.Action:
		return false
	case o.Action == policy.Allow && (o.OnRevoke != r.OnRevoke || o.Ports[0] != r.Ports[0]):
		return false
	}
	mutual := wider.String() == host.String() && principalsCover(r.Principals, o.Principals) && portsCover(r.Ports, o.Ports) && o.Mode == r.Mode
	return !mutual || other < rule
}

// principalsCover reports whether the callers of wide include those of narrow.
func principalsCover(wide, narrow []string) bool {
	if len(wide) == 0 || len(narrow) == 0 {
		return len(wide) == 0
	}
	for _, n := range narrow {
		if !slices.ContainsFunc(wide, func(w string) bool {
			return w == n || !glob.HasMeta(n) && glob.MatchesAny(glob.Compile(w, '/', nil), n)
		}) {
			return false
		}
	}
	return true
}

// portsCover is the same for ports; none are all.
func portsCover(wide, narrow []uint16) bool {
	if len(wide) == 0 || len(narrow) == 0 {
		return len(wide) == 0
	}
	return !slices.ContainsFunc(narrow, func(p uint16) bool { return !slices.Contains(wide, p) })
}
