package analysis

import (
	"slices"
	"strings"

	"wildcard-egress/filter/policy/document"
)

// fewEdited is up to how many edited hosts it is worth while to look for those
// that they concern.
const fewEdited = 100_000

// trimmed returns the two policies without the hosts that match no name which a
// host with other rules matches. About other names both decide alike, and about
// those as before, so that a comparison of the two finds the same changes. Of a
// million hosts of which two were edited few are left.
func trimmed(old, new *document.Document, rules []sidedRule) (*document.Document, *document.Document) {
	if old.Defaults.Mode != new.Defaults.Mode {
		return old, new // what no rule allows is decided differently, too
	}
	hosts := edited(rules)
	if len(hosts) > fewEdited {
		return old, new
	}
	near := related{above: map[string]bool{}, below: map[string]bool{}}
	for _, host := range hosts {
		near.add(host)
	}
	return near.only(old), near.only(new)
}

// edited returns the hosts that the rules of the two sides list differently, and
// perhaps more: equal lists are passed over at the cost of comparing them.
func edited(rules []sidedRule) (hosts []document.Pattern) {
	alike := map[string]*[2]hostList{} // rules that decide the same
	for _, r := range rules {
		if alike[r.print] == nil {
			alike[r.print] = &[2]hostList{}
		}
		alike[r.print][r.side] = append(alike[r.print][r.side], r.Hosts)
	}
	for _, lists := range alike {
		hosts = append(hosts, lists[0].surplus(&lists[1])...)
	}
	return hosts
}

// surplus returns the hosts that are more often in one list than in the other. It
// uses both up.
func (l *hostList) surplus(other *hostList) (hosts []document.Pattern) {
	type tally struct {
		document.Pattern
		count int
	}
	tallies := map[string]tally{} // what one has had, and the other not yet
	add := func(host document.Pattern, n int) {
		t := tallies[host.String()]
		t.Pattern, t.count = host, t.count+n
		if tallies[host.String()] = t; t.count == 0 {
			delete(tallies, host.String())
		}
	}
	for len(*l)+len(*other) > 0 {
		mine, ok := l.next()
		its, too := other.next()
		if ok && too && mine.String() == its.String() {
			continue
		}
		if ok {
			add(mine, 1)
		}
		if too {
			add(its, -1)
		}
	}
	for _, t := range tallies {
		hosts = append(hosts, t.Pattern)
	}
	return hosts
}

// hostList is the hosts of several rules that are still to come.
type hostList [][]document.Pattern

// next takes the first host.
func (l *hostList) next() (host document.Pattern, ok bool) {
	for len(*l) > 0 {
		first := &(*l)[0]
		if len(*first) > 0 {
			host, *first = (*first)[0], (*first)[1:]
			return host, true
		}
		*l = (*l)[1:]
	}
	return host, false
}

// related finds the hosts that may match a name which one of some hosts matches.
// Each host matches names that are its domain or under it, so the one's domain is
// the other's, or under it.
type related struct {
	any   bool            // one has no domain
	above map[string]bool // their domains, and what these are under
	below map[string]bool // the domains of those that match names under them
}

func (r *related) add(host document.Pattern) {
	r.any = r.any || host.Domain() == ""
	if host.Kind() != document.Exact {
		r.below[host.Domain()] = true
	}
	for domain := range domains(host) {
		if r.above[domain] {
			return // and those above it
		}
		r.above[domain] = true
	}
}

func (r *related) to(host document.Pattern) bool {
	if r.any || host.Domain() == "" || r.above[host.Domain()] {
		return true
	}
	for domain := range domains(host) {
		if r.below[domain] {
			return true
		}
	}
	return false
}

// domains yields the domain of a host, and then those it is under.
func domains(host document.Pattern) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		domain, more := host.Domain(), host.Domain() != ""
		for more && yield(domain) {
			_, domain, more = strings.Cut(domain, ".")
		}
	}
}

// only returns a copy of a policy with the related hosts alone. Its rules remain.
func (r *related) only(d *document.Document) *document.Document {
	short := *d
	short.Rules = slices.Clone(d.Rules)
	for i := range short.Rules {
		rule := &short.Rules[i]
		var hosts []document.Pattern
		for _, host := range rule.Hosts {
			if r.to(host) {
				hosts = append(hosts, host)
			}
		}
		rule.Hosts, rule.HostsAt = hosts, nil
	}
	return &short
}
