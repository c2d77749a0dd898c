package logs

import (
	"cmp"

	"wildcard-egress/accesslog"
	"wildcard-egress/filter"
	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/document"
	"wildcard-egress/filter/policy/servername"
	"wildcard-egress/outcome"
)

// LearnOptions fence what is learned: the log has what callers asked for, and who
// asks often enough would else write the policy.
type LearnOptions struct {
	// Least is how often a caller has to have asked for a name.
	Least int
	// WildcardAt is how many names below one domain become a wildcard; 0: none do.
	WildcardAt int
	// Allowed learns also what was allowed by a rule.
	Allowed bool
	// UnknownCallers learns also what callers without an identity asked for. A rule
	// for them is one for everybody.
	UnknownCallers bool
	// Policy, if given, is in force: what it denies on purpose is not learned, and
	// what it allows need not be.
	Policy *document.Document
}

// Learner collects what a policy is learned from. NewLearner makes one.
type Learner struct {
	options LearnOptions
	policy  *policy.Policy // of the options
	asked   *heavy[request, asked]
	skipped *heavy[skip, struct{}]
	// denied are the names that are denied on purpose, by caller, and closed the
	// domains over them, where a wildcard would open them.
	denied  map[[2]string]bool
	closed  map[string]bool
	tooMany bool            // to remember
	plain   map[string]bool // callers that were looked at; bounded
}

// request is what one caller asked for.
type request struct {
	caller, name string
	port         uint16 // 0: not told
}

func (a request) compare(b request) int {
	return cmp.Or(cmp.Compare(a.caller, b.caller), cmp.Compare(a.name, b.name), cmp.Compare(a.port, b.port))
}

// asked is how a request went.
type asked struct {
	span
	mayExist bool // some connection for it was refused before DNS was asked, or was more than a name without an address
}

// skip is what is not learned, and why not.
type skip struct {
	request
	why string
}

func (a skip) compare(b skip) int {
	return cmp.Or(a.request.compare(b.request), cmp.Compare(a.why, b.why))
}

const (
	maxRequests = 1 << 16 // a name each: some 20 MB
	maxSkips    = 1 << 12
	maxClosed   = 1 << 16
)

// NewLearner returns one that has seen nothing.
func NewLearner(o LearnOptions) *Learner {
	l := &Learner{options: o, asked: newHeavy[request, asked](maxRequests), skipped: newHeavy[skip, struct{}](maxSkips),
		denied: map[[2]string]bool{}, closed: map[string]bool{}, plain: map[string]bool{}}
	if o.Policy != nil {
		l.policy = policy.Compile(o.Policy)
		l.closeDenied(o.Policy)
	}
	return l
}

// closeDenied keeps wildcards away from all that deny rules name, asked for or not.
func (l *Learner) closeDenied(d *document.Document) {
	for _, r := range d.Rules {
		if r.Action != policy.Deny {
			continue
		}
		for _, host := range r.Hosts {
			domain := host.Domain()
			if host.Kind() != document.Exact {
				domain = "any." + domain
			}
			for _, over := range domainsOver(domain) {
				l.closed[over] = true
			}
		}
	}
}

// Why something is not learned.
const (
	skipDenied    = "denied on purpose, by a deny rule"
	skipRevoked   = "revoked by an edit of the policy"
	skipUnknown   = "of a caller without an identity, and a rule for it would be for everybody (--unknown-callers)"
	skipNoName    = "no host name"
	skipNoDot     = "a name without a dot"
	skipNoCaller  = "of a caller whose identity no rule can name"
	skipNoAddress = "a name without an address: who registers it later would be let through"
	skipNoPolicy  = "refused for lack of a good policy"
	skipFew       = "asked for too rarely (--min-count)"
	skipTold      = "refused for a reason that no rule can mend"
)

// Add takes a line into account.
func (l *Learner) Add(e *accesslog.Entry) {
	if !e.IsConnection() {
		return
	}
	wanted, why := l.wanted(e)
	if !wanted && why == "" {
		return
	}
	r := request{caller: e.Principal, name: e.ServerName, port: PortOf(e)}
	if why == "" {
		why = l.fault(&r)
	}
	if why != "" {
		l.skip(r, why, 1)
		return
	}
	if l.policy != nil {
		d := l.policy.Decide(policy.Request{ServerName: r.name, Principal: r.caller, Port: r.port})
		switch {
		case d.Reason == policy.DeniedByRule || d.Shadow.Action == policy.Deny && d.Shadow.Rule != "":
			l.skip(r, skipDenied, 1)
			return
		case d.Action == policy.Allow && d.Rule != "" && !l.options.Allowed:
			return
		}
	}
	a, fresh := l.asked.add(r, 1)
	a.span.add(e.Time, fresh)
	a.mayExist = a.mayExist || !withoutAddress(e.Reason)
}

// wanted says whether a rule could have let the connection through, or else why
// it should not; both are empty for what has nothing to do with rules.
func (l *Learner) wanted(e *accesslog.Entry) (wanted bool, why string) {
	shadowed := e.ShadowDecision == accesslog.Deny && e.ShadowReason == ""
	switch policy.Reason(e.Reason) {
	case policy.DeniedByRule:
		return false, skipDenied
	case filter.Revoked:
		return false, skipRevoked
	case policy.NoPolicy:
		return false, skipNoPolicy
	case filter.InvalidServerName:
		return false, skipNoName
	case policy.NoRule:
		return true, ""
	}
	switch {
	case shadowed && e.ShadowRule != "":
		return false, skipDenied
	case e.Decision == accesslog.Allow:
		return shadowed || l.options.Allowed, ""
	case e.ServerName != "":
		return false, skipTold
	}
	return false, ""
}

// fault says why no rule is to be made of a request; a name in it is canonical then.
func (l *Learner) fault(r *request) string {
	name, err := servername.Parse([]byte(r.name))
	switch {
	case err != nil:
		return skipNoName
	case r.caller == "" && !l.options.UnknownCallers:
		return skipUnknown
	case r.caller != "" && !l.isPlain(r.caller):
		return skipNoCaller
	}
	r.name = name
	if !hasDot(name) {
		return skipNoDot
	}
	return ""
}

// isPlain says whether a rule can name a caller, and it alone.
func (l *Learner) isPlain(caller string) bool {
	plain, known := l.plain[caller]
	if !known {
		if len(l.plain) >= maxKnown {
			clear(l.plain)
		}
		plain = document.SPIFFEIDFault(caller) == ""
		l.plain[caller] = plain
	}
	return plain
}

func (l *Learner) skip(r request, why string, connections int) {
	l.skipped.add(skip{r, why}, connections)
	if why != skipDenied && why != skipRevoked {
		return
	}
	l.tooMany = l.tooMany || len(l.denied)+len(l.closed) > maxClosed
	if l.tooMany {
		return
	}
	l.denied[[2]string{r.caller, r.name}] = true
	for _, domain := range domainsOver(r.name) {
		l.closed[domain] = true
	}
}

// withoutAddress is true of names that led nowhere, or to the gateway itself.
func withoutAddress(reason string) bool {
	switch reason {
	case outcome.DNSNoSuchName, outcome.DNSEmpty, outcome.AddressDenied, string(filter.Loop):
		return true
	}
	return false
}
