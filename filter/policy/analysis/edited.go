package analysis

import (
	"hash/maphash"
	"slices"
	"strings"

	"wildcard-egress/filter/policy/document"
)

// fewEdited is how many edited hosts are looked at: more changes are not told. Tests
// have it smaller.
var fewEdited = maxChanges

// trimmed has two policies without the hosts that match no name which an edited
// host matches. About other names both decide alike, and about those as before, so
// that a comparison of the two finds the same changes. Of a million hosts of which
// two were edited few are left.
type trimmed struct {
	old, new *document.Document
	related
	left []document.Pattern // edited ones that are not looked at, the first of them
	more int                // the others
}

func trim(old, new *document.Document, rules []sidedRule) trimmed {
	if old.Defaults.Mode != new.Defaults.Mode {
		return trimmed{old: old, new: new} // what no rule allows is decided differently, too
	}
	t := trimmed{related: related{above: map[string]bool{}, below: map[string]bool{}}}
	hosts, more := edited(rules, fewEdited+maxUndecided)
	if few := min(len(hosts), fewEdited); more > 0 || len(hosts) > few {
		hosts, t.left, t.more = hosts[:few], hosts[few:], more
	}
	for _, host := range hosts {
		t.add(host)
	}
	t.old, t.new = t.only(old), t.only(new)
	return t
}

// whole reports whether all hosts are there that match a name which host matches.
func (t *trimmed) whole(host document.Pattern) bool {
	return len(t.left) == 0 || host.Kind() == document.Exact || t.under(host)
}

// edited returns the hosts that the rules of the two sides list differently, in
// their order and up to most of them, and how many more there are. Equal lists are
// passed over at the cost of comparing them.
func edited(rules []sidedRule, most int) (hosts []document.Pattern, more int) {
	alike := map[string]*[2]hostList{} // rules that decide the same
	for _, r := range rules {
		if alike[r.print] == nil {
			alike[r.print] = &[2]hostList{}
		}
		alike[r.print][r.side] = append(alike[r.print][r.side], r.Hosts)
	}
	// By host, the sum of what decides about it on one side, less that of the other.
	sums, seed := map[string]uint64{}, maphash.MakeSeed()
	for print, lists := range alike {
		lists[0].subtract(&lists[1], sums, maphash.String(seed, print))
	}
	for _, r := range rules {
		for _, host := range r.Hosts {
			if len(hosts) == most || len(sums) == 0 {
				return hosts, len(sums)
			}
			if _, ok := sums[host.String()]; ok {
				delete(sums, host.String())
				hosts = append(hosts, host)
			}
		}
	}
	return hosts, len(sums)
}

// subtract adds a number for each host of a list, and takes it away for each of
// another. It uses both up.
func (l *hostList) subtract(other *hostList, sums map[string]uint64, number uint64) {
	add := func(host string, n uint64) {
		if sum := sums[host] + n; sum != 0 {
			sums[host] = sum
		} else {
			delete(sums, host)
		}
	}
	for len(*l)+len(*other) > 0 {
		mine, ok := l.next()
		its, too := other.next()
		if ok && too && mine.String() == its.String() {
			continue
		}
		if ok {
			add(mine.String(), number)
		}
		if too {
			add(its.String(), -number)
		}
	}
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
	return r.any || host.Domain() == "" || r.above[host.Domain()] || r.under(host)
}

// under reports whether one of the hosts may match all names that host does.
func (r *related) under(host document.Pattern) bool {
	if r.any {
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
