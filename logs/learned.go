package logs

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/analysis"
	"wildcard-egress/filter/policy/document"
)

// Learned is a policy that lets through what was asked for.
type Learned struct {
	Policy      string        `json:"policy"` // its text; empty: nothing was learned
	Rules       []LearnedRule `json:"rules"`
	Connections int           `json:"connections"` // that it would let through
	Warnings    []string      `json:"warnings"`    // of Lint
	Skipped     []Skipped     `json:"skipped"`     // the largest first
	MoreSkipped int           `json:"more_skipped"`
	// Missing: a request that is not accounted for has so many connections at most.
	Missing int `json:"missing"`
}

// LearnedRule is a rule for one caller.
type LearnedRule struct {
	Name   string        `json:"name"`
	Caller string        `json:"caller"` // empty: everybody
	Ports  []uint16      `json:"ports"`  // empty: those of the policy's defaults
	Hosts  []LearnedHost `json:"hosts"`
}

// LearnedHost is a host of a rule, and what it was learned from.
type LearnedHost struct {
	Host        string    `json:"host"`
	Names       []string  `json:"names"` // of a wildcard
	Connections int       `json:"connections"`
	First       time.Time `json:"first"`
	Last        time.Time `json:"last"`
}

// Skipped is what was not learned, and why not.
type Skipped struct {
	Caller      string `json:"caller"`
	ServerName  string `json:"server_name"`
	Port        uint16 `json:"port"`
	Connections int    `json:"connections"`
	Why         string `json:"why"`
}

// maxSkipped bounds what a policy's comments list of what was not learned.
const maxSkipped = 50

// Learn returns the policy. The same log and options give the same text. It is
// parsed and asked again before it is returned. It is an error if more is denied on
// purpose than can be remembered, and no policy was given that says what.
func (l *Learner) Learn() (Learned, error) {
	if l.tooMany && l.policy == nil {
		return Learned{}, fmt.Errorf("more than %d names are denied on purpose, too many to remember; "+
			"name the policy that is in force, which says so itself (--policy)", maxClosed/2)
	}
	learned := Learned{Rules: []LearnedRule{}, Warnings: []string{}, Missing: l.asked.missing()}
	accepted := map[string]map[string]*learnedName{}
	for _, s := range l.asked.top(0, request.compare) {
		sure := s.count - s.over
		switch {
		case l.denied[[2]string{s.key.caller, s.key.name}]:
			l.skip(s.key, skipDenied, sure)
			continue
		case !s.value.mayExist:
			l.skip(s.key, skipNoAddress, sure)
			continue
		case sure < l.options.Least:
			l.skip(s.key, skipFew, sure)
			continue
		}
		names := accepted[s.key.caller]
		if names == nil {
			names = map[string]*learnedName{}
			accepted[s.key.caller] = names
		}
		if names[s.key.name] == nil {
			names[s.key.name] = &learnedName{name: s.key.name, span: s.value.span}
		}
		names[s.key.name].add(s.key.port, sure, s.value.span)
		learned.Connections += sure
	}
	names := l.ruleNames()
	for _, caller := range slices.Sorted(maps.Keys(accepted)) {
		learned.Rules = append(learned.Rules, l.rulesOf(caller, accepted[caller], names)...)
	}
	l.list(&learned)
	if len(learned.Rules) == 0 {
		return learned, nil
	}
	return learned, learned.finish(accepted)
}

// learnedName is a name that one caller may ask for.
type learnedName struct {
	span
	name        string
	ports       []uint16 // sorted; 0: not told
	connections int
}

func (n *learnedName) add(port uint16, connections int, s span) {
	n.connections += connections
	n.span.add(s.first, false)
	n.span.add(s.last, false)
	if i, known := slices.BinarySearch(n.ports, port); !known {
		n.ports = slices.Insert(n.ports, i, port)
	}
}

// list fills in what was not learned.
func (l *Learner) list(learned *Learned) {
	learned.Skipped = []Skipped{}
	top := l.skipped.top(maxSkipped, skip.compare)
	for _, s := range top {
		learned.Skipped = append(learned.Skipped, Skipped{s.key.caller, s.key.name, s.key.port, s.count, s.key.why})
	}
	learned.MoreSkipped = len(l.skipped.slots) - len(top)
}

// finish writes the policy and holds it against what it was made from.
func (learned *Learned) finish(accepted map[string]map[string]*learnedName) error {
	d, err := document.Parse("learned", []byte(learned.text()))
	if err != nil {
		return fmt.Errorf("the learned policy has a mistake, which is a bug: %w", err)
	}
	// Rule by rule: together they deny nothing that one allows, and of one host many
	// callers may have asked.
	for i := range d.Rules {
		alone := *d
		alone.Rules = d.Rules[i : i+1]
		if err := learned.Rules[i].check(policy.Compile(&alone), accepted); err != nil {
			return err
		}
	}
	for _, f := range analysis.Lint(d, analysis.LintOptions{Limit: 3 * time.Second}) {
		learned.Warnings = append(learned.Warnings, fmt.Sprintf("%s: rule %s: %s", f.Check, f.Rule, f.Message))
	}
	learned.Policy = learned.text()
	return nil
}

// check finds what a policy with this rule denies of what it was learned from.
func (r LearnedRule) check(p *policy.Policy, accepted map[string]map[string]*learnedName) error {
	for _, host := range r.Hosts {
		for _, name := range append(host.Names, host.Host) {
			n := accepted[r.Caller][name]
			if n == nil {
				continue // the wildcard of these names
			}
			for _, port := range n.ports {
				if got := p.Decide(policy.Request{ServerName: name, Principal: r.Caller, Port: port}); got.Action != policy.Allow {
					return fmt.Errorf("the learned policy denies %s for %s, which is a bug", name, cmp.Or(r.Caller, Unknown))
				}
			}
		}
	}
	return nil
}

// ruleNames are those that are taken.
func (l *Learner) ruleNames() map[string]bool {
	taken := map[string]bool{}
	if l.options.Policy != nil {
		for _, r := range l.options.Policy.Rules {
			taken[r.Name] = true
		}
	}
	return taken
}

// ruleName is one for a caller: of spiffe://cluster.local/ns/shop/sa/web it is
// learned-shop-web.
func ruleName(caller string, taken map[string]bool) string {
	name := "learned-everybody"
	if caller != "" {
		_, path, _ := strings.Cut(strings.TrimPrefix(caller, document.PrincipalScheme), "/")
		words := strings.Split(path, "/")
		if len(words) == 4 && words[0] == "ns" && words[2] == "sa" { // Istio's
			words = []string{words[1], words[3]}
		}
		name = "learned-" + strings.Join(words, "-")
	}
	const longest = 56 // of 64, with room for a number
	name = name[:min(len(name), longest)]
	for i, unique := 2, name; ; i++ {
		if !taken[unique] {
			taken[unique] = true
			return unique
		}
		unique = fmt.Sprintf("%s-%d", name, i)
	}
}
