package filter

import (
	"time"

	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/document"
)

// Room says whether a connection found room within an Allowance.
type Room int

// The answers of Connection.Enter, in the order of package envoy.
const (
	WithinLimits Room = iota
	NoConnections
	NoNewConnections
	NoMemory
)

// Allowance is what one party may have of the gateway, as Connection.Enter is
// told.
type Allowance struct {
	Party       string
	Connections uint32 // at a time; 0: any number
	PerSecond   uint32 // new ones; 0: any number
	// When the next party has Crowd connections, this one gets more only while it
	// has less than Share; 0: always.
	Crowd, Share uint32
}

// party is one whose share of the gateway is limited.
type party struct {
	key    string
	detail string // for the log
	mode   document.Mode
	document.Allowance
	crowd, share uint32
}

// When the gateway has three quarters of the connections that it may have, a
// caller gets more only while it has less than this part of them all.
const shareWhenCrowded = 64

// parties are those that a connection is counted for: the caller and all
// together always, so that an edit of their limits counts what is there; the rule
// and the caller under it when the rule has limits.
func (f *filter) parties(caller string, d policy.Decision) []party {
	l := f.settings.Limits
	max := f.enforcer.MaxConnections
	parties := []party{
		{key: "caller\x00" + caller, detail: "per_caller", mode: l.Mode, Allowance: l.PerCaller,
			crowd: max - max/4, share: max/shareWhenCrowded + 1},
		{key: "all", detail: "total", mode: l.Mode, Allowance: l.Total},
	}
	if d.Limits == nil {
		return parties
	}
	return append(parties,
		party{key: "rule\x00" + d.Rule, detail: "rule_total", mode: d.Limits.Mode, Allowance: d.Limits.Total},
		party{key: "rule caller\x00" + d.Rule + "\x00" + caller, detail: "rule_per_caller", mode: d.Limits.Mode, Allowance: d.Limits.PerCaller})
}

// enter counts the connection and its name for all who are limited. The reason is
// empty when all have room. What only limits in shadow mode would refuse is in the
// decision's shadow.
func (f *filter) enter(r request, d *policy.Decision) (reason policy.Reason, detail string) {
	parties := f.parties(r.caller, *d)
	for {
		over, reason := f.tryEnter(r.ServerName, parties)
		switch {
		case reason == "":
			return "", ""
		case reason == HostError || parties[over].mode == document.Enforce:
			return reason, parties[over].detail
		}
		f.overInShadow(d, reason)
		parties[over].lift(reason)
	}
}

func (f *filter) tryEnter(name string, parties []party) (over int, reason policy.Reason) {
	connections, names := make([]Allowance, len(parties)), make([]nameAllowance, len(parties))
	for i, p := range parties {
		connections[i] = Allowance{Party: p.key, Connections: p.Connections, PerSecond: p.NewConnections, Crowd: p.crowd, Share: p.share}
		names[i] = nameAllowance{party: p.key, names: p.Names, perSecond: p.NewNames}
	}
	switch room, i := f.conn.Enter(connections); room {
	case WithinLimits:
	case NoConnections:
		return i, TooManyConnections
	case NoNewConnections:
		return i, TooManyNewConnections
	default:
		return i, HostError
	}
	if i := f.enforcer.Names.ask(time.Now(), name, names); i >= 0 {
		return i, TooManyNames
	}
	return 0, ""
}

// lift takes the limits away for which the reason stands.
func (p *party) lift(reason policy.Reason) {
	switch reason {
	case TooManyConnections:
		p.Connections, p.crowd = 0, 0
	case TooManyNewConnections:
		p.NewConnections = 0
	case TooManyNames:
		p.Names, p.NewNames = 0, 0
	}
}

// overInShadow has a limit that is not enforced reported. Such a decision is not
// recalled: the next one is to be reported too.
func (f *filter) overInShadow(d *policy.Decision, reason policy.Reason) {
	if d.Shadow.Action != policy.Deny || !d.Shadow.Reported {
		d.Shadow = policy.Shadow{Reported: true, Action: policy.Deny, Rule: d.Rule}
	}
	f.shadowReason = reason
}

// duration is how long the connection may last.
func (f *filter) duration(d policy.Decision) time.Duration {
	if d.Limits != nil {
		return d.Limits.Duration
	}
	return f.settings.Limits.Duration
}

// Expire ends a connection that has lasted as long as the policy lets it.
func (e *Enforcer) Expire(conn Connection) { end(conn, ConnectionTooLong) }

// Shed ends a connection that was allowed, for want of memory.
func (e *Enforcer) Shed(conn Connection) { end(conn, TooLittleMemory) }

// end flushes nothing, as a revocation does.
func end(conn Connection, reason policy.Reason) {
	conn.SetText(ReasonKey, string(reason))
	conn.Count(counterOf(reason))
	conn.Close(string(reason), api.NoFlush)
}
