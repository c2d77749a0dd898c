package policy_test

import (
	"slices"
	"strings"
	"sync"

	gobwas "github.com/gobwas/glob"

	"wildcard-egress/filter/policy"
)

// file is a policy as it is written in JSON. The reference below decides from
// it alone, so that Parse is tested too.
type file struct {
	Version  int        `json:"version"`
	Defaults defaults   `json:"defaults"`
	Rules    []fileRule `json:"rules"`
}

type defaults struct {
	Ports    []uint16 `json:"ports,omitempty"`
	Mode     string   `json:"mode,omitempty"`
	OnRevoke string   `json:"on_revoke,omitempty"`
}

type fileRule struct {
	Name       string   `json:"name"`
	Action     string   `json:"action,omitempty"`
	Mode       string   `json:"mode,omitempty"`
	OnRevoke   string   `json:"on_revoke,omitempty"`
	Hosts      []string `json:"hosts"`
	Principals []string `json:"principals,omitempty"`
	Ports      []uint16 `json:"ports,omitempty"`
}

// decide is a naive reading of the policy language: every rule, every host.
func (f file) decide(r policy.Request) policy.Decision {
	deny, allow := f.winner(r, "deny", false), f.winner(r, "allow", false)
	d := policy.Decision{Reason: policy.NoRule}
	switch {
	case deny != nil:
		d = policy.Decision{Reason: policy.DeniedByRule, Rule: deny.Name}
	case allow != nil:
		d = policy.Decision{Action: policy.Allow, Rule: allow.Name, Port: r.Port}
		if r.Port == 0 {
			d.Port = f.ports(*allow)[0]
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
func (f file) winner(r policy.Request, action string, withShadow bool) *fileRule {
	var best *fileRule
	bestSpecificity := -1
	for _, rule := range f.Rules {
		if or(rule.Action, "allow") != action || f.isShadow(rule) && !withShadow || !f.applies(rule, r) {
			continue
		}
		s := specificity(rule, r.ServerName)
		if s > bestSpecificity || s == bestSpecificity && s >= 0 && rule.Name < best.Name {
			best, bestSpecificity = &rule, s
		}
	}
	return best
}

func (f file) isShadow(rule fileRule) bool { return or(rule.Mode, f.Defaults.Mode) == "shadow" }

func (f file) ports(rule fileRule) []uint16 {
	switch {
	case rule.Ports != nil:
		return rule.Ports
	case f.Defaults.Ports != nil:
		return f.Defaults.Ports
	}
	return []uint16{443}
}

// applies says whether the rule is about the request's port and principal.
func (f file) applies(rule fileRule, r policy.Request) bool {
	everyPort := rule.Action == "deny" && rule.Ports == nil
	if r.Port != 0 && !everyPort && !slices.Contains(f.ports(rule), r.Port) {
		return false
	}
	if rule.Principals == nil {
		return true
	}
	if r.Principal == "" {
		return rule.Action == "deny"
	}
	return slices.ContainsFunc(rule.Principals, func(p string) bool {
		return globMatches(p, '/', r.Principal)
	})
}

// specificity is that of the rule's best host for a name, -1 if none matches.
func specificity(rule fileRule, name string) int {
	best := -1
	for _, host := range rule.Hosts {
		if host == name {
			best = 1000
		}
		tail := host[strings.LastIndexAny(host, "*?]}")+1:]
		if len(tail) < len(host) && matches(host, name) {
			best = max(best, len(tail))
		}
	}
	return best
}

func matches(host, name string) bool {
	if host == "*" {
		return strings.Contains(name, ".")
	}
	if strings.HasPrefix(host, "*.") {
		host = "*" + host // any depth
	}
	return globMatches(host, '.', name)
}

var compiledGlobs sync.Map // by separator and text

func globMatches(text string, separator rune, s string) bool {
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
