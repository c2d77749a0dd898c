package analysis

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/document"
	"wildcard-egress/filter/policy/servername"
)

// Explanation says how a policy comes to a decision.
type Explanation struct {
	Request  policy.Request // the server name in canonical form, if it is a host name
	Decision policy.Decision
	Err      error // why the server name is not a host name; then no rule was asked
	// Others are the nearest rules that did not make the decision, nearest
	// first; at most maxOthers.
	Others []OtherRule
}

// OtherRule is a rule that did not make a decision.
type OtherRule struct {
	Rule string `json:"rule"`
	Line int    `json:"line"`
	Why  string `json:"why"`
}

// maxOthers limits the rules that an explanation lists.
const maxOthers = 8

// Explain answers r, whose server name is as from the wire, as the gateway
// does, with the reasons why the nearest other rules don't decide.
func Explain(d *document.Document, r policy.Request) Explanation {
	decision, name, err := decideWire(policy.Compile(d), r)
	if err != nil {
		return Explanation{Request: r, Decision: decision, Err: err}
	}
	r.ServerName = name
	e := Explanation{Request: r, Decision: decision}
	r.Principal = policy.KnownPrincipal(r.Principal)
	type other struct {
		OtherRule
		nearness int
	}
	var others []other
	for _, rule := range d.Rules {
		nearness, why := whyNot(rule, r, e.Decision)
		if rule.Name != e.Decision.Rule && nearness > 0 {
			others = append(others, other{OtherRule{Rule: rule.Name, Line: rule.At.Line, Why: why}, nearness})
		}
	}
	slices.SortStableFunc(others, func(a, b other) int {
		return cmp.Or(cmp.Compare(b.nearness, a.nearness), cmp.Compare(a.Rule, b.Rule))
	})
	for _, o := range others[:min(len(others), maxOthers)] {
		e.Others = append(e.Others, o.OtherRule)
	}
	return e
}

// invalidServerName is the reason that package filter gives.
const invalidServerName policy.Reason = "invalid_server_name"

// decideWire decides for a server name as from the wire and returns its
// canonical form.
func decideWire(p *policy.Policy, r policy.Request) (policy.Decision, string, error) {
	name, err := servername.Parse([]byte(r.ServerName))
	if err != nil {
		return policy.Decision{Reason: invalidServerName}, "", err
	}
	r.ServerName = name
	return p.Decide(r), name, nil
}

// Nearness of rules: those whose host matches come before all others.
const (
	hostMatches = 1 << 20
	allMatches  = 3 * hostMatches
)

// whyNot says why a rule does not decide r, and how near it comes: 0 is far.
func whyNot(rule document.Rule, r policy.Request, d policy.Decision) (nearness int, why string) {
	host, distance := nearestHost(rule.Hosts, r.ServerName)
	if !host.Matches(r.ServerName) {
		return distance, hostMismatch(host, r.ServerName)
	}
	switch obstacles := obstacles(rule, r); {
	case len(obstacles) > 0:
		return allMatches - len(obstacles)*hostMatches, fmt.Sprintf("host %q matches, but %s", host.String(), strings.Join(obstacles, " and "))
	case rule.Mode == document.ShadowMode:
		return allMatches, fmt.Sprintf("matches by %q, but is in shadow mode: it would %v", host.String(), rule.Action)
	case rule.Action == policy.Allow && d.Action == policy.Deny:
		return allMatches, fmt.Sprintf("matches by %q, but deny rule %q goes first", host.String(), d.Rule)
	}
	return allMatches, fmt.Sprintf("matches by %q too, but rule %q has the more specific host, or the first name of equals", host.String(), d.Rule)
}

// obstacles says why a rule is not about the caller and the port.
func obstacles(rule document.Rule, r policy.Request) (obstacles []string) {
	caller, port := policy.Admits(rule, r)
	if !port {
		obstacles = append(obstacles, fmt.Sprintf("port %d is none of its ports %v", r.Port, rule.Ports))
	}
	switch {
	case caller:
	case r.Principal == "":
		obstacles = append(obstacles, "the caller is unknown and the rule is for certain principals")
	default:
		obstacles = append(obstacles, fmt.Sprintf("principal %q is none of its principals", r.Principal))
	}
	return obstacles
}

// nearestHost returns the host that matches name most specifically, or else
// the one that has the longest end in common with it, and that length.
func nearestHost(hosts []document.Pattern, name string) (nearest document.Pattern, distance int) {
	best := -1
	for _, host := range hosts {
		common := commonEnd(host.Domain(), name)
		near := common
		if host.Matches(name) {
			near = hostMatches + host.Specificity()
		}
		if near > best {
			best, nearest, distance = near, host, common
		}
	}
	// Half of the registrable label in common is a likely mistake; less is
	// chance.
	suffix, _ := publicsuffix.PublicSuffix(name)
	above := strings.TrimSuffix(strings.TrimSuffix(name, suffix), ".")
	label := above[strings.LastIndexByte(above, '.')+1:]
	if distance < len(suffix)+len(".")+(len(label)+1)/2 {
		distance = 0
	}
	return nearest, distance
}

func commonEnd(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}

func hostMismatch(host document.Pattern, name string) string {
	switch {
	case host.Kind() == document.Wildcard && name == host.Domain():
		return fmt.Sprintf("host %q does not match %q itself; list it too", host.String(), name)
	case host.Kind() == document.Wildcard && strings.HasSuffix(name, host.Domain()):
		return fmt.Sprintf("host %q does not match: without a dot before %q it is another domain", host.String(), host.Domain())
	case host.Kind() == document.Exact && strings.HasSuffix(name, "."+host.Domain()):
		return fmt.Sprintf("host %q matches that name only, nothing below it; %q would", host.String(), "*."+host.Domain())
	case host.Kind() == document.Glob && strings.HasSuffix(name, "."+host.Domain()):
		return fmt.Sprintf("host %q does not match; %q and %q stay within one label", host.String(), "*", "?")
	}
	return fmt.Sprintf("host %q does not match", host.String())
}
