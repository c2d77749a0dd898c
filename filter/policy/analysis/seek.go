package analysis

import (
	"cmp"
	"slices"

	"wildcard-egress/filter/policy"
)

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
