package logs

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"wildcard-egress/filter/policy/analysis"
)

// rulesOf are a caller's rules, one for each set of ports.
func (l *Learner) rulesOf(caller string, names map[string]*learnedName, taken map[string]bool) (rules []LearnedRule) {
	sets := map[string][]*learnedName{}
	var order []string
	for _, n := range names {
		key := fmt.Sprint(portsOf(n))
		if sets[key] == nil {
			order = append(order, key)
		}
		sets[key] = append(sets[key], n)
	}
	slices.Sort(order)
	for _, key := range order {
		set := sets[key]
		slices.SortFunc(set, func(a, b *learnedName) int { return cmp.Compare(a.name, b.name) })
		rules = append(rules, LearnedRule{
			Name: ruleName(caller, taken), Caller: caller, Ports: portsOf(set[0]), Hosts: l.collapse(set),
		})
	}
	return rules
}

// portsOf are a rule's ports for a name: none where the policy's default will do.
// The first is where connections go whose port the mesh does not tell: 443 where
// there are such, or where it is among the others.
func portsOf(n *learnedName) []uint16 {
	ports := slices.DeleteFunc(slices.Clone(n.ports), func(p uint16) bool { return p == 0 || p == 443 })
	if len(ports) < len(n.ports) {
		ports = slices.Insert(ports, 0, 443)
	}
	if slices.Equal(ports, []uint16{443}) {
		return []uint16{}
	}
	return ports
}

// maxLabel is the longest label that counts towards a wildcard. Longer ones carry
// data more often than they name a host, and a wildcard would let all of it out.
const maxLabel = 32

// collapse returns the hosts for names, in order. So many names below one domain
// become a wildcard, the narrowest first, unless it would be above a registrable
// domain, open to strangers, or over what is denied on purpose.
func (l *Learner) collapse(names []*learnedName) []LearnedHost {
	wildcardAt := l.options.WildcardAt
	hosts := make([]LearnedHost, len(names))
	for i, n := range names {
		hosts[i] = LearnedHost{Host: n.name, Names: []string{}, Connections: n.connections, First: n.first, Last: n.last}
	}
	if wildcardAt < 1 || l.tooMany {
		return hosts
	}
	below := map[string]int{} // how many names
	for _, n := range names {
		if !mayCollapse(n.name) {
			continue
		}
		for _, domain := range domainsOver(n.name) {
			below[domain]++
		}
	}
	for domain, n := range below {
		if n < wildcardAt || l.closed[domain] || analysis.OpenToStrangers(domain) != "" {
			delete(below, domain)
		}
	}
	narrowest := func(a, b string) int {
		return cmp.Or(cmp.Compare(strings.Count(b, "."), strings.Count(a, ".")), cmp.Compare(a, b))
	}
	for _, domain := range slices.SortedFunc(maps.Keys(below), narrowest) {
		hosts = under(hosts, domain, wildcardAt)
	}
	slices.SortFunc(hosts, func(a, b LearnedHost) int {
		return cmp.Compare(strings.TrimPrefix(a.Host, "*."), strings.TrimPrefix(b.Host, "*."))
	})
	return hosts
}

// under puts a wildcard in the place of the hosts below a domain, if there are
// still enough names that are no wildcard's yet.
func under(hosts []LearnedHost, domain string, wildcardAt int) []LearnedHost {
	var all, rest []LearnedHost
	single := 0
	for _, h := range hosts {
		if !strings.HasSuffix(h.Host, "."+domain) || len(h.Names) == 0 && !mayCollapse(h.Host) {
			rest = append(rest, h)
			continue
		}
		all = append(all, h)
		if len(h.Names) == 0 {
			single++
		}
	}
	if single < wildcardAt {
		return hosts
	}
	wildcard := all[0]
	wildcard.Host, wildcard.Names, wildcard.Connections = "*."+domain, []string{}, 0
	s := span{wildcard.First, wildcard.Last}
	for _, h := range all {
		wildcard.Connections += h.Connections
		s.add(h.First, false)
		s.add(h.Last, false)
		if len(h.Names) == 0 {
			wildcard.Names = append(wildcard.Names, h.Host)
		}
		wildcard.Names = append(wildcard.Names, h.Names...)
	}
	wildcard.First, wildcard.Last = s.first, s.last
	return append(rest, wildcard)
}

// domainsOver are the domains that a name lies below, from its registrable one
// down; none for a name that is not below one.
func domainsOver(name string) (domains []string) {
	registrable, err := publicsuffix.EffectiveTLDPlusOne(name)
	if err != nil {
		return nil
	}
	for domain := name; domain != registrable; {
		_, domain, _ = strings.Cut(domain, ".")
		domains = append(domains, domain)
	}
	return domains
}

func mayCollapse(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		if len(label) > maxLabel {
			return false
		}
	}
	return true
}
