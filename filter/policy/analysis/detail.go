package analysis

import (
	"slices"

	"wildcard-egress/filter/policy"
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
