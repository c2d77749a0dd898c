package analysis

import (
	"time"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/document"
)

// Change is a decision that two policies make differently: another action,
// another upstream port, or, by a rule of another name, another on_revoke.
type Change struct {
	Host      string         // the narrowest host that matches, "a and b" where two overlap, "other" if none does
	Principal string         // a principal of the rules, "any", "unknown" or "other"
	Port      string         // a port of the rules, "unknown" or "other"
	Example   policy.Request // one that is decided so
	Old, New  policy.Decision
}

// Undecided is a question that could not be answered in the time there was.
type Undecided struct {
	Host      string `json:"host"`
	Principal string `json:"principal"` // empty for all
	Port      string `json:"port"`      // empty for all
}

// Comparison is the difference of two policies.
type Comparison struct {
	Settings []SettingChange
	Changes  []Change // in the order of hosts, principals and ports
	// Undecided says of which requests it is not known whether Changes has all;
	// MoreUndecided counts those that are left out of it.
	Undecided     []Undecided
	MoreUndecided int
}

// The words of Change for what no rule lists.
const (
	anyWord     = "any"
	unknownWord = "unknown"
	otherWord   = "other"
)

// Options bound and show a comparison.
type Options struct {
	Limit    time.Duration         // how long it may take; 0: as long as it takes
	Progress func(done, hosts int) // if not nil, called now and then
}

// Bounds of what a comparison holds.
const (
	maxChanges   = 100_000
	maxUndecided = 1_000
)

// Compare finds which requests two policies decide differently, and which of
// their settings differ. For every host, every principal (also one that no rule
// lists, and none) and every port (likewise) it has a change if some request
// with that host as the narrowest, that principal as the narrowest and that port
// changes its action or its upstream port; it looks for one with automata, so
// that it misses none.
func Compare(old, new *document.Document, o Options) Comparison {
	c := newComparer(old, new, o)
	c.Settings = compareSettings(old, new)
	c.compare()
	return c.Comparison
}
