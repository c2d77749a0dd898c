// Package reference is for tests: a naive reading of the policy language, which
// gobwas/glob and a walk over every rule and host decide, and random policies
// to hold the real ones against it.
package reference

import (
	"slices"
	"strings"
	"sync"

	gobwas "github.com/gobwas/glob"

	"wildcard-egress/filter/policy"
)

// File is a policy as it is written in JSON. It decides from that alone, so that
// document.Parse is tested too.
type File struct {
	Version  int      `json:"version"`
	Defaults Defaults `json:"defaults"`
	Rules    []Rule   `json:"rules"`
}

// Defaults are the file's defaults.
type Defaults struct {
	Ports    []uint16 `json:"ports,omitempty"`
	Mode     string   `json:"mode,omitempty"`
	OnRevoke string   `json:"on_revoke,omitempty"`
}

// Rule is one of the file's rules.
type Rule struct {
	Name       string   `json:"name"`
	Action     string   `json:"action,omitempty"`
	Mode       string   `json:"mode,omitempty"`
	OnRevoke   string   `json:"on_revoke,omitempty"`
	Hosts      []string `json:"hosts"`
	Principals []string `json:"principals,omitempty"`
	Ports      []uint16 `json:"ports,omitempty"`
}

// Decide is a naive reading of the policy language: every rule, every host.
func (f File) Decide(r policy.Request) policy.Decision {
	deny, allow := f.winner(r, "deny", false), f.winner(r, "allow", false)
	d := policy.Decision{Reason: policy.NoRule}
	switch {
	case deny != nil:
		d = policy.Decision{Reason: policy.DeniedByRule, Rule: deny.Name}
	case allow != nil:
		d = policy.Decision{Action: policy.Allow, Rule: allow.Name, Port: r.Port}
		if r.Port == 0 {
			d.Port = f.PortsOf(*allow)[0]
		}
		d.CloseOnRevoke = or(allow.OnRevoke, f.Defaults.OnRevoke) == "close"
	case f.Defaults.Mode == "shadow":
		d = policy.Decision{Action: policy.Allow, Port: r.Port, CloseOnRevoke: f.Defaults.OnRevoke == "close"}
		if r.Port == 0 {
			d.Port = 443
		}
		d.Shadow = policy.Shadow{Reported: true}
	}
	if deny = f.winner(r, "deny", true); deny != nil {
		if f.isShadow(*deny) {
			d.Shadow = policy.Shadow{Reported: true, Rule: deny.Name}
		}
		return d
	}
	if allow = f.winner(r, "allow", true); allow != nil && f.isShadow(*allow) {
		d.Shadow = policy.Shadow{Reported: true, Action: policy.Allow, Rule: allow.Name}
	}
	return d
}

// winner is the rule that names the decision among those that match; shadow
// rules count if asked for.
func (f File) winner(r policy.Request, action string, withShadow bool) *Rule {
	var best *Rule
	bestSpecificity := -1
	for _, rule := range f.Rules {
		if or(rule.Action, "allow") != action || f.isShadow(rule) && !withShadow || !f.applies(rule, r) {
			continue
		}
		s := Specificity(rule, r.ServerName)
		if s > bestSpecificity || s == bestSpecificity && s >= 0 && rule.Name < best.Name {
			best, bestSpecificity = &rule, s
		}
	}
	return best
}

func (f File) isShadow(rule Rule) bool { return or(rule.Mode, f.Defaults.Mode) == "shadow" }

// PortsOf returns the ports of a rule that are in force.
func (f File) PortsOf(rule Rule) []uint16 {
	switch {
	case rule.Ports != nil:
		return rule.Ports
	case f.Defaults.Ports != nil:
		return f.Defaults.Ports
	}
	return []uint16{443}
}

// applies says whether the rule is about the request's port and principal.
func (f File) applies(rule Rule, r policy.Request) bool {
	everyPort := rule.Action == "deny" && rule.Ports == nil
	if r.Port != 0 && !everyPort && !slices.Contains(f.PortsOf(rule), r.Port) {
		return false
	}
	if rule.Principals == nil {
		return true
	}
	if r.Principal == "" {
		return rule.Action == "deny"
	}
	return slices.ContainsFunc(rule.Principals, func(p string) bool {
		return GlobMatches(p, '/', r.Principal)
	})
}

// Specificity is that of the rule's best host for a name, -1 if none matches.
func Specificity(rule Rule, name string) int {
	best := -1
	for _, host := range rule.Hosts {
		if host == name {
			best = 1000
		}
		tail := host[strings.LastIndexAny(host, "*?]}")+1:]
		if len(tail) < len(host) && Matches(host, name) {
			best = max(best, len(tail))
		}
	}
	return best
}

// Matches reports whether a host of a rule matches a name.
func Matches(host, name string) bool {
	if host == "*" {
		return strings.Contains(name, ".")
	}
	if strings.HasPrefix(host, "*.") {
		host = "*" + host // any depth
	}
	return GlobMatches(host, '.', name)
}

var compiledGlobs sync.Map // by separator and text

// GlobMatches is gobwas/glob.
func GlobMatches(text string, separator rune, s string) bool {
	key := string(separator) + text
	g, ok := compiledGlobs.Load(key)
	if !ok {
		g, _ = compiledGlobs.LoadOrStore(key, gobwas.MustCompile(text, separator))
	}
	return g.(*gobwas.Pattern).Match(s)
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
