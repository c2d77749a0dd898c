package logs

import (
	"cmp"
	"time"

	"wildcard-egress/accesslog"
	"wildcard-egress/filter/policy"
)

// maxGroups bounds what one table of a summary tells apart: some 15 MB, with the
// longest of names and callers 80 MB.
const maxGroups = 1 << 15

// Summary sums up connections. NewSummary makes one.
type Summary struct {
	allowed, refused, failed, undecided int
	refusals, shadow, failures          *heavy[groupKey, span]
}

// groupKey is what connections of one line of a table have in common.
type groupKey struct{ caller, serverName, decision, rule, reason, detail string }

func (a groupKey) compare(b groupKey) int {
	return cmp.Or(cmp.Compare(a.caller, b.caller), cmp.Compare(a.serverName, b.serverName), cmp.Compare(a.reason, b.reason),
		cmp.Compare(a.rule, b.rule), cmp.Compare(a.decision, b.decision), cmp.Compare(a.detail, b.detail))
}

// span is from when to when.
type span struct{ first, last time.Time }

func (s *span) add(t time.Time, fresh bool) {
	if fresh || t.Before(s.first) {
		s.first = t
	}
	if fresh || t.After(s.last) {
		s.last = t
	}
}

// NewSummary returns a summary of nothing.
func NewSummary() *Summary { return newSummary(maxGroups) }

func newSummary(groups int) *Summary {
	return &Summary{
		refusals: newHeavy[groupKey, span](groups),
		shadow:   newHeavy[groupKey, span](groups),
		failures: newHeavy[groupKey, span](groups),
	}
}

// Add counts a line. Those of streams that live are not connections.
func (s *Summary) Add(e *accesslog.Entry) {
	if !e.IsConnection() {
		return
	}
	add := func(to *heavy[groupKey, span], decision, rule, reason, detail string) {
		value, fresh := to.add(groupKey{e.Principal, e.ServerName, decision, rule, reason, detail}, 1)
		value.add(e.Time, fresh)
	}
	switch {
	case e.Decision == accesslog.Deny, e.Decision == "" && advices[policy.Reason(e.Reason)] != "":
		s.refused++
		add(s.refusals, accesslog.Deny, e.Rule, e.Reason, e.Detail)
	case e.Decision == "": // it ended before there was one
		s.undecided++
	case e.Reason != "":
		s.allowed++
		s.failed++
		add(s.failures, e.Decision, e.Rule, e.Reason, e.Detail)
	default:
		s.allowed++
	}
	if e.ShadowDecision != "" && e.ShadowDecision != e.Decision {
		add(s.shadow, e.ShadowDecision, e.ShadowRule, e.ShadowReason, "")
	}
}

// Report is what a summary says.
type Report struct {
	Allowed   int   `json:"allowed"`
	Refused   int   `json:"refused"`
	Failed    int   `json:"failed"`    // of the allowed
	Undecided int   `json:"undecided"` // ended before a decision
	Refusals  Table `json:"refusals"`
	Shadow    Table `json:"shadow"`   // what rules in shadow mode would decide otherwise
	Failures  Table `json:"failures"` // of allowed connections
	// Advice says what to do about the reasons in the tables.
	Advice map[string]string `json:"advice"`
}

// Table has connections in groups, the largest first.
type Table struct {
	Groups    []Group `json:"groups"`
	NotListed int     `json:"not_listed"` // further groups
	// Missing: a group that is not counted at all has so many connections at most. 0:
	// all are counted.
	Missing int `json:"missing"`
}

// Group is connections that have all but the time in common.
type Group struct {
	Caller      string    `json:"caller"` // empty: unknown
	ServerName  string    `json:"server_name"`
	Decision    string    `json:"decision"`
	Rule        string    `json:"rule"`
	Reason      string    `json:"reason"`
	Detail      string    `json:"detail"`
	Connections int       `json:"connections"`
	Over        int       `json:"over"` // by which Connections may be too high
	First       time.Time `json:"first"`
	Last        time.Time `json:"last"`
}

// Report returns the n largest groups of each table, all for 0.
func (s *Summary) Report(n int) Report {
	r := Report{
		Allowed: s.allowed, Refused: s.refused, Failed: s.failed, Undecided: s.undecided,
		Refusals: tableOf(s.refusals, n), Shadow: tableOf(s.shadow, n), Failures: tableOf(s.failures, n),
		Advice: map[string]string{},
	}
	for _, table := range []Table{r.Refusals, r.Failures, r.Shadow} {
		for _, g := range table.Groups {
			if advice := Advice(g.Reason); advice != "" {
				r.Advice[g.Reason] = advice
			}
		}
	}
	return r
}

func tableOf(h *heavy[groupKey, span], n int) Table {
	t := Table{Groups: []Group{}, Missing: h.missing()}
	for _, s := range h.top(n, groupKey.compare) {
		t.Groups = append(t.Groups, Group{
			Caller: s.key.caller, ServerName: s.key.serverName, Decision: s.key.decision, Rule: s.key.rule,
			Reason: s.key.reason, Detail: s.key.detail,
			Connections: s.count, Over: s.over, First: s.value.first, Last: s.value.last,
		})
	}
	t.NotListed = len(h.slots) - len(t.Groups)
	return t
}
