package logs

import (
	"fmt"

	"wildcard-egress/accesslog"
	"wildcard-egress/filter"
	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/document"
	"wildcard-egress/filter/policy/servername"
)

// Replay asks another policy about the connections of a log. NewReplay makes one.
type Replay struct {
	policy                      *policy.Policy
	same, notDecided            int
	lost, gained, onlyByShadows *heavy[groupKey, span]
}

// NewReplay returns one that has seen nothing.
func NewReplay(d *document.Document) *Replay {
	return &Replay{
		policy: policy.Compile(d),
		lost:   newHeavy[groupKey, span](maxGroups), gained: newHeavy[groupKey, span](maxGroups),
		onlyByShadows: newHeavy[groupKey, span](maxGroups),
	}
}

// Add asks about a line. What no policy decided, such as a handshake that failed
// or a limit, is left out.
func (r *Replay) Add(e *accesslog.Entry) {
	if !e.IsConnection() {
		return
	}
	allowed, decided := decidedByPolicy(e)
	name, err := servername.Parse([]byte(e.ServerName))
	if !decided || err != nil {
		r.notDecided++
		return
	}
	port := PortOf(e)
	d := r.policy.Decide(policy.Request{ServerName: name, Principal: e.Principal, Port: port})
	key := groupKey{caller: e.Principal, serverName: name, decision: d.Action.String(), rule: d.Rule, reason: string(d.Reason)}
	if port != 0 {
		key.detail = fmt.Sprintf("port %d", port)
	}
	add := func(to *heavy[groupKey, span]) {
		value, fresh := to.add(key, 1)
		value.add(e.Time, fresh)
	}
	switch now := d.Action == policy.Allow; {
	case allowed && !now:
		add(r.lost)
	case !allowed && now:
		add(r.gained)
	default:
		r.same++
	}
	if d.Action == policy.Allow && d.Shadow.Reported && d.Shadow.Action == policy.Deny {
		key.rule, key.reason, key.decision = d.Shadow.Rule, "", d.Shadow.Action.String()
		add(r.onlyByShadows)
	}
}

// decidedByPolicy says whether a policy allowed the connection, and whether it was
// a policy that decided.
func decidedByPolicy(e *accesslog.Entry) (allowed, decided bool) {
	if e.Decision == accesslog.Allow {
		return policy.Reason(e.Reason) != filter.Revoked, true
	}
	switch policy.Reason(e.Reason) {
	case policy.NoRule, policy.DeniedByRule, policy.NoPolicy:
		return false, true
	}
	return false, false
}

// Difference is what another policy changes for the connections of a log.
type Difference struct {
	Lost       int `json:"lost"`        // were allowed, and would be denied
	Gained     int `json:"gained"`      // the other way round
	Same       int `json:"same"`        // decided as before
	NotDecided int `json:"not_decided"` // refused by no policy: for TLS, a limit, a name that is none
	// The connections in groups, with the decision of the new policy; Shadow has
	// those that it would deny were all its rules enforced.
	LostGroups   Table `json:"lost_groups"`
	GainedGroups Table `json:"gained_groups"`
	ShadowGroups Table `json:"shadow_groups"`
}

// Difference returns the n largest groups of each table, all for 0.
func (r *Replay) Difference(n int) Difference {
	return Difference{
		Lost: r.lost.counted, Gained: r.gained.counted, Same: r.same, NotDecided: r.notDecided,
		LostGroups: tableOf(r.lost, n), GainedGroups: tableOf(r.gained, n), ShadowGroups: tableOf(r.onlyByShadows, n),
	}
}
