package analysis

import (
	"cmp"
	"slices"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/document"
	"wildcard-egress/filter/policy/glob"
)

// detail is a question about one kind of principal and one port.
type detail struct {
	*question
	scope
	caller  caller
	port    uint16
	options []option
}

// option is a candidate that may be about the caller, and is about the port.
type option struct {
	candidate
	anyone     bool     // it is about all callers of the detail
	principals []string // else its principals that may match some
}

func (o option) certain() bool { return o.wide && o.anyone }

// option returns what a candidate has to do with a caller and a port, and whether
// it has anything.
func (q *question) option(c candidate, caller caller, port uint16) (o option, ok bool) {
	if !c.byDefault && port != 0 && len(c.Ports) > 0 && !slices.Contains(c.Ports, port) {
		return o, false
	}
	o = option{candidate: c, anyone: len(c.Principals) == 0 || slices.Contains(c.Principals, caller.glob)}
	switch {
	case o.anyone:
	case caller.glob != "":
		for _, p := range c.Principals {
			if anyFits(q.plain(p), q.plain(caller.glob)) {
				o.principals = append(o.principals, p)
			}
		}
	default:
		o.anyone = caller.value == "" && c.Action == policy.Deny ||
			slices.ContainsFunc(c.Principals, func(p string) bool { return q.matches(p, caller.value) })
	}
	return o, o.anyone || len(o.principals) > 0
}

// changes returns requests that change, one for each kind of change, and whether
// it could look for all.
func (d *detail) changes() (examples []policy.Request, complete bool) {
	if !d.names && !d.principals {
		r := policy.Request{ServerName: d.name, Principal: d.caller.value, Port: d.port}
		if before, after := d.decide(r); before.Action != after.Action || moved(before, after) {
			examples = append(examples, r)
		}
		return examples, true
	}
	complete = true
	note := func(r policy.Request, v verdict) {
		complete = complete && v != undecided
		if v == found {
			examples = append(examples, r)
		}
	}
	allows := [2][]option{}
	for _, o := range d.options {
		if o.Action == policy.Allow {
			allows[o.side] = append(allows[o.side], o)
		}
	}
	for _, allowing := range []int{0, 1} {
		d.flips(allowing, allows[allowing], note)
	}
	d.moves(allows[0], allows[1], note)
	return examples, complete
}

func (d *detail) decide(r policy.Request) (before, after policy.Decision) {
	return d.policies[0].Decide(r), d.policies[1].Decide(r)
}

// flips looks for a request that one side allows and the other denies: because
// no rule of the other allows it, or because one denies it.
func (d *detail) flips(allowing int, allows []option, note func(policy.Request, verdict)) {
	other := 1 - allowing
	is := func(side int, action policy.Action) func(option) bool {
		return func(o option) bool { return o.side == side && o.Action == action }
	}
	certain := func(is func(option) bool) bool {
		return slices.ContainsFunc(d.options, func(o option) bool { return o.certain() && is(o) })
	}
	denied, allowed := is(allowing, policy.Deny), is(other, policy.Allow)
	if certain(denied) {
		return
	}
	wanted := func(r policy.Request) bool {
		var got [2]policy.Decision
		got[0], got[1] = d.decide(r)
		return got[allowing].Action == policy.Allow && got[other].Action == policy.Deny
	}
	if !certain(allowed) {
		if own := d.without(allows, other); len(own) > 0 {
			note(d.seek(wanted, func(o option) bool { return denied(o) || allowed(o) }, own))
		}
	}
	if denies := d.without(d.those(is(other, policy.Deny)), allowing); len(denies) > 0 && len(allows) > 0 {
		note(d.seek(wanted, denied, allows, denies))
	}
}

func (d *detail) those(are func(option) bool) (options []option) {
	for _, o := range d.options {
		if are(o) {
			options = append(options, o)
		}
	}
	return options
}

// without returns the options that the other side does not have as well.
func (d *detail) without(options []option, other int) []option {
	if len(options) == 0 {
		return nil
	}
	wide, by := document.Pattern{}, map[document.Pattern][]option{}
	for _, p := range d.options {
		if p.side == other && p.Action == options[0].Action {
			host := p.host
			if p.wide {
				host = wide
			}
			by[host] = append(by[host], p)
		}
	}
	return slices.DeleteFunc(slices.Clone(options), func(o option) bool {
		has := func(p option) bool {
			return p.anyone || !o.anyone && !slices.ContainsFunc(o.principals, func(s string) bool { return !slices.Contains(p.principals, s) })
		}
		return slices.ContainsFunc(by[wide], has) || slices.ContainsFunc(by[o.host], has)
	})
}

// moved reports whether a request that both sides allow goes to another port, or
// is treated otherwise when it is revoked. The on_revoke of a rule that keeps its
// name is a change of settings.
func moved(before, after policy.Decision) bool {
	return before.Action == policy.Allow && after.Action == policy.Allow &&
		(before.Port != after.Port || before.CloseOnRevoke != after.CloseOnRevoke && before.Rule != after.Rule)
}

// moves looks for requests that both sides allow, each with another outcome.
func (d *detail) moves(olds, news []option, note func(policy.Request, verdict)) {
	wanted := func(r policy.Request) bool {
		return moved(d.decide(r))
	}
	if len(d.outcomes) == 1 {
		return
	}
	for _, x := range olds {
		for _, y := range news {
			if !x.differs(y, d.port) {
				continue
			}
			avoid := func(o option) bool {
				return o.Action == policy.Deny || o.side == 0 && o.outranks(x) || o.side == 1 && o.outranks(y)
			}
			if !slices.ContainsFunc(d.options, func(o option) bool { return o.certain() && avoid(o) }) {
				note(d.seek(wanted, avoid, []option{x}, []option{y}))
			}
		}
	}
}

// differs reports whether it matters to a request which of two rules allows it.
func (o option) differs(other option, asked uint16) bool {
	x, y := o.outcome(asked), other.outcome(asked)
	return x.port != y.port || x.onRevoke != y.onRevoke && o.Name != other.Name
}

// outranks says which of two allow rules that match decides.
func (o option) outranks(other option) bool {
	if o.byDefault || other.byDefault {
		return !o.byDefault
	}
	return cmp.Or(cmp.Compare(other.host.Specificity(), o.host.Specificity()), cmp.Compare(o.Name, other.Name)) < 0
}

// seek looks for a request that is wanted. It matches one of each of the options
// to match; those to avoid, and narrower hosts and principals, are ruled out
// when the search comes upon them.
func (d *detail) seek(wanted func(policy.Request) bool, avoid func(option) bool, match ...[]option) (policy.Request, verdict) {
	s := search{scope: d.scope, must: []term{d.term(plainHosts(d.host), d.plain(d.caller.glob))}, deadline: d.deadline}
	for _, options := range match {
		if slices.ContainsFunc(options, option.certain) {
			continue
		}
		var any term
		for _, o := range options {
			any = append(any, d.optionTerm(o, o.principals)...)
		}
		s.must = append(s.must, any)
	}
	for {
		example, v := s.run()
		if v != found {
			return policy.Request{}, v
		}
		r := policy.Request{ServerName: d.name, Principal: d.caller.value, Port: d.port}
		if d.names {
			r.ServerName = example.name
		}
		if d.principals {
			r.Principal = example.principal
		}
		ruledOut := d.narrower(r)
		if len(ruledOut) == 0 && wanted(r) {
			return d.plainer(s, r, wanted), found
		}
		for _, o := range d.options {
			if principals, ok := d.matching(o, r); ok && avoid(o) {
				ruledOut = append(ruledOut, d.optionTerm(o, principals))
			}
		}
		if len(ruledOut) == 0 {
			return r, undecided // not reached: what is not wanted has a reason
		}
		s.not = append(s.not, ruledOut...)
	}
}

// plainer returns another request like r that only the narrowest host matches, if
// the search comes upon one at once, since it is the better example.
func (d *detail) plainer(s search, r policy.Request, wanted func(policy.Request) bool) policy.Request {
	if !d.names {
		return r
	}
	others := 0
	for _, host := range d.index.matching(r.ServerName) {
		if host != d.host && !d.hosts(host, d.host) {
			s.not = append(s.not, d.term(plainHosts(host), []string{everything}))
			others++
		}
	}
	if others == 0 {
		return r
	}
	if example, v := s.run(); v == found {
		plain := policy.Request{ServerName: example.name, Principal: cmp.Or(example.principal, r.Principal), Port: r.Port}
		if len(d.narrower(plain)) == 0 && wanted(plain) {
			return plain
		}
	}
	return r
}

// optionTerm returns the requests that a rule matches with its host and some of
// its principals.
func (d *detail) optionTerm(o option, principals []string) term {
	hosts, callers := []string{everything}, []string{everything}
	if !o.wide {
		hosts = plainHosts(o.host)
	}
	if !o.anyone {
		callers = nil
		for _, p := range principals {
			callers = append(callers, d.plain(p)...)
		}
	}
	return d.term(hosts, callers)
}

// matching returns the principals of an option that match r, and whether the
// option does.
func (d *detail) matching(o option, r policy.Request) (principals []string, ok bool) {
	if !o.wide && !o.host.Matches(r.ServerName) {
		return nil, false
	}
	for _, p := range o.principals {
		if d.matches(p, r.Principal) {
			principals = append(principals, p)
		}
	}
	return principals, o.anyone || len(principals) > 0
}

// narrower returns the terms of hosts and principals that match r and are
// narrower than what the detail is about.
func (d *detail) narrower(r policy.Request) (terms []term) {
	if d.names {
		for _, host := range d.index.matching(r.ServerName) {
			if d.strictly(d.host, host) {
				terms = append(terms, d.term(plainHosts(host), []string{everything}))
			}
		}
	}
	if d.principals {
		for _, c := range d.callers() {
			p := cmp.Or(c.value, c.glob)
			if p != "" && c.label != otherWord && d.matches(p, r.Principal) && (c.glob == "" || d.strictlyPrincipals(d.caller.glob, p)) {
				terms = append(terms, d.term([]string{everything}, d.plain(p)))
			}
		}
	}
	return terms
}

// plain returns the globs without braces that a principal stands for.
func (c *comparer) plain(principal string) []string {
	plain, ok := c.plains[principal]
	if !ok {
		plain = plainPrincipals(principal)
		c.plains[principal] = plain
	}
	return plain
}

// matches reports whether an entry of a rule's principals matches one.
func (c *comparer) matches(entry, principal string) bool {
	globs, ok := c.globs[entry]
	if !ok {
		globs = glob.Compile(entry, '/', nil)
		c.globs[entry] = globs
	}
	return glob.MatchesAny(globs, principal)
}
