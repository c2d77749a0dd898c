// Package analysis is what people ask of a policy before it is in force: what is
// probably not meant (Lint), what a change changes (Compare), why a decision is
// made (Explain), whether decisions are as expected (Try). Only the command line
// uses it; the module does not link it.
package analysis

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"golang.org/x/net/publicsuffix"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/document"
	"wildcard-egress/metrics"
)

// Finding is something in a good policy that is probably not meant.
type Finding struct {
	document.Problem
	Check string `json:"check"` // one of the Check constants
	Rule  string `json:"rule"`  // empty: not of a rule
}

// The checks of Lint. They go by the set of requests that is open, not by how it
// is written.
const (
	CheckAnyHost         = "any_host"         // "*" in an allow rule
	CheckPublicSuffix    = "public_suffix"    // names that anybody can register are open
	CheckSharedHost      = "shared_host"      // a front that serves what others put behind it
	CheckSingleLabel     = "single_label"     // a name without a dot
	CheckNeverDecides    = "never_decides"    // without it every decision would be the same
	CheckShadowDefault   = "shadow_default"   // defaults.mode is shadow: what no rule allows passes
	CheckNoWorkload      = "no_workload"      // a principal that no Istio workload has
	CheckUnknownCallers  = "unknown_callers"  // principals, where no caller is known
	CheckConnectionReuse = "connection_reuse" // a deny that a client gets around without malice
	CheckPortNotTLS      = "port_not_tls"     // a port on which clients don't begin with TLS
	CheckKeyOrder        = "key_order"        // a truncated file would open more
	CheckLookAlike       = "look_alike"       // letters that look like others
	CheckNotFinished     = "not_finished"     // it took too long: the rest was not looked at

	CheckUnreachableLimits = "unreachable_limits" // limits that no connection can meet
	CheckMetricName        = "metric_name"        // a rule that its metrics do not tell from others
)

// LintOptions say what the policy is for.
type LintOptions struct {
	// NoClientCertificates: the listener asks for none, so no caller is known.
	NoClientCertificates bool
	// Limit is how long it may take; 0: 10 seconds.
	Limit time.Duration
}

// Lint returns what is probably not meant in d, in the file's order. Where the
// time is over, it says from which rule on it has not looked.
func Lint(d *document.Document, o LintOptions) []Finding {
	l := linter{document: d, options: o, index: newHostIndex(d.Rules)}
	limit := cmp.Or(o.Limit, lintLimit)
	l.deadline = time.Now().Add(limit)
	if len(l.index.globs) > 0 {
		all := l.index.all()
		l.near = newNearIndex(all)
	}
	l.shadowDefault()
	l.ports()
	for i := range d.Rules {
		l.hosts(i)
		l.neverDecides(i)
		l.principals(i)
		l.connectionReuse(i)
		l.keyOrder(i)
		l.limits(i)
		l.metricName(i)
		if time.Now().After(l.deadline) {
			l.add(CheckNotFinished, i, -1, "lint ended after %v: this rule and the %d behind it were not looked at in full; "+
				"lint a part of the policy, or write fewer globs", limit, len(d.Rules)-i-1)
			break
		}
	}
	slices.SortStableFunc(l.findings, func(a, b Finding) int { return a.Compare(b.Problem) })
	return l.findings
}

const lintLimit = 10 * time.Second

type linter struct {
	containment
	document *document.Document
	options  LintOptions
	index    *hostIndex
	near     *nearIndex // nil: there are no globs
	findings []Finding
}

// add notes a finding about a host, or about the whole rule if host is -1.
func (l *linter) add(check string, rule, host int, format string, args ...any) {
	r := l.document.Rules[rule]
	f := Finding{Check: check, Rule: r.Name}
	f.Problem = document.Problem{File: l.document.File, Line: r.At.Line, Column: r.At.Column, Path: fmt.Sprintf("rules[%d]", rule)}
	if host >= 0 {
		f.Line, f.Column, f.Path = r.HostsAt[host].Line, r.HostsAt[host].Column, fmt.Sprintf("%s.hosts[%d]", f.Path, host)
		format = "%q: " + format
		args = slices.Insert(args, 0, any(r.Hosts[host].String()))
	}
	f.Message = fmt.Sprintf(format, args...)
	l.findings = append(l.findings, f)
}

// shadowDefault tells of a policy that enforces only its deny rules.
func (l *linter) shadowDefault() {
	d := l.document
	if d.Defaults.Mode != document.ShadowMode {
		return
	}
	l.findings = append(l.findings, Finding{Check: CheckShadowDefault, Problem: document.Problem{
		File: d.File, Line: d.ModeAt.Line, Column: d.ModeAt.Column, Path: "defaults.mode",
		Message: "everything passes that no enforced deny rule denies; it is only reported. Write enforce when the reports are clean",
	}})
}

// keyOrder tells of rules that mean more without their last fields.
func (l *linter) keyOrder(rule int) {
	r := l.document.Rules[rule]
	if len(r.AfterHosts) > 0 && !l.document.EndMark {
		l.add(CheckKeyOrder, rule, -1, "rule %q has %s behind hosts: of a file that is cut off there, the hosts stay without it; write hosts last, or end the file with %q",
			r.Name, inWords(r.AfterHosts), document.EndMark)
	}
}

// metricName tells of a rule that has the name which the metrics give to many.
func (l *linter) metricName(rule int) {
	if name := l.document.Rules[rule].Name; name == metrics.Other {
		l.add(CheckMetricName, rule, -1, "the metrics count rule %q together with all rules beyond the first 500; give it another name", name)
	}
}

// connectionReuse tells of deny rules inside of what is allowed. A client that
// has a connection to an allowed name sends requests for a denied one over it,
// if the server's certificate and address are good for both (RFC 9113, section
// 9.1.1); the gateway sees one connection with the allowed name.
func (l *linter) connectionReuse(rule int) {
	r := l.document.Rules[rule]
	if r.Action != policy.Deny || r.Mode != document.Enforce {
		return
	}
	for i, host := range r.Hosts {
		for _, wider := range l.around(host) {
			for _, other := range l.index.rules(wider) {
				o := l.document.Rules[other]
				if o.Action == policy.Allow && o.Mode == document.Enforce && portsMeet(o.Ports, r.Ports) && l.callersMeet(o.Principals, r.Principals) && l.opensSibling(wider, host) {
					l.add(CheckConnectionReuse, rule, i, "rule %q allows other names of %q: an HTTP/2 client may send requests for this one over a connection to such a name, if one certificate and address serve both", o.Name, wider)
					return // the others are of the same kind
				}
			}
		}
	}
}

// opensSibling reports whether an allowed host matches names of the site of a
// denied one that this does not match: names for which one certificate is usual.
func (l *linter) opensSibling(allowed, denied document.Pattern) bool {
	site := everything
	if domain, err := publicsuffix.EffectiveTLDPlusOne(denied.Domain()); err == nil {
		site = "**." + domain
	}
	s := search{scope: scope{names: true}, deadline: l.deadline}
	s.must = []term{s.term(plainHosts(allowed), nil), s.term([]string{site}, nil)}
	s.not = []term{s.term(plainHosts(denied), nil)}
	_, v := s.run()
	return v == found
}

// around returns the hosts that match some names of host.
func (l *linter) around(host document.Pattern) []document.Pattern {
	around := l.index.covering(host)
	if l.near != nil && host.Kind() != document.Exact && host.Kind() != document.Any {
		around = append(around, l.near.of(host)...)
	}
	return around
}
