package livepolicy

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"wildcard-egress/filter/policy/document"
)

// Edit is what a new policy changes of what was written in the one before: a
// mistaken one should be seen.
type Edit struct {
	// A host is told with the action of its rule, if that is not to allow.
	HostsAdded, HostsRemoved                Names
	RulesAdded, RulesRemoved, RulesModified Names
	// Opens says what lets much more through than before, a sentence each.
	Opens []string
}

// maxNames is how many names are told of each list.
const maxNames = 10

// Names are the first of so many.
type Names struct {
	Count int
	First []string
}

func (n *Names) add(name string) {
	n.Count++
	if len(n.First) < maxNames {
		n.First = append(n.First, name)
	}
}

// String is "2: a.example.com, deny b.example.com", or "0".
func (n Names) String() string {
	text := fmt.Sprint(n.Count)
	if n.Count > 0 {
		text += ": " + strings.Join(n.First, ", ")
	}
	if n.Count > len(n.First) {
		text += ", …"
	}
	return text
}

// contents is what is written in a policy, in the order in which two can be
// compared: of 100,000 hosts about 4 MB.
type contents struct {
	rules  []rule     // by name
	hosts  []hostHash // by hash
	names  string     // of all hosts
	shadow bool       // defaults.mode
}

type rule struct {
	document.Rule // without Hosts
	other         string
}

type hostHash struct {
	hash  uint64
	begin uint32 // in names
	end   uint32
}

// seed makes hashes comparable within the process, and no others.
var seed = maphash.MakeSeed()

func contentsOf(d *document.Document) *contents {
	c := &contents{shadow: d.Defaults.Mode == document.ShadowMode}
	var names strings.Builder
	for _, r := range d.Rules {
		prefix := ""
		if r.Action == document.Deny {
			prefix = "deny "
		}
		if r.Mode == document.ShadowMode {
			prefix = "shadow " + prefix
		}
		for _, host := range r.Hosts {
			begin := uint32(names.Len())
			names.WriteString(prefix)
			names.WriteString(host.String())
			c.hosts = append(c.hosts, hostHash{begin: begin, end: uint32(names.Len())})
		}
		r.Hosts, r.HostsAt = nil, nil
		other := fmt.Sprintf("%v %v %v %v %q", r.Action, r.Mode, r.OnRevoke, r.Ports, r.Principals)
		if r.Limits != nil {
			other += fmt.Sprintf(" %+v", *r.Limits)
		}
		c.rules = append(c.rules, rule{Rule: r, other: other})
	}
	c.names = names.String()
	for i, h := range c.hosts {
		c.hosts[i].hash = maphash.String(seed, c.name(h))
	}
	slices.SortFunc(c.hosts, func(a, b hostHash) int { return cmp.Compare(a.hash, b.hash) })
	c.hosts = slices.CompactFunc(c.hosts, func(a, b hostHash) bool { return a.hash == b.hash })
	slices.SortFunc(c.rules, func(a, b rule) int { return cmp.Compare(a.Name, b.Name) })
	return c
}

func (c *contents) name(h hostHash) string { return c.names[h.begin:h.end] }

// denyRules counts the rules that deny, and not in shadow mode.
func (c *contents) denyRules() (n int) {
	for _, r := range c.rules {
		if r.Action == document.Deny && r.Mode == document.Enforce {
			n++
		}
	}
	return n
}

// editOf compares two policies; nil without an older one.
func editOf(old, now *contents) *Edit {
	if old == nil || now == nil {
		return nil
	}
	e := &Edit{}
	merge(old.hosts, now.hosts, func(a, b hostHash) int { return cmp.Compare(a.hash, b.hash) },
		func(h hostHash) { e.HostsRemoved.add(old.name(h)) },
		func(h hostHash) {
			e.HostsAdded.add(now.name(h))
			if now.name(h) == "*" {
				e.open(`every name is allowed: a rule has "*"`)
			}
		},
		func(hostHash, hostHash) {})
	merge(old.rules, now.rules, func(a, b rule) int { return cmp.Compare(a.Name, b.Name) },
		func(r rule) { e.RulesRemoved.add(r.Name) },
		func(r rule) { e.RulesAdded.add(r.Name) },
		e.compareRules)
	if n := old.denyRules(); n > 0 && now.denyRules() == 0 {
		e.open("no rule denies any more; there were %d that did", n)
	}
	if now.shadow && !old.shadow {
		e.open("defaults.mode is shadow: what no rule allows passes")
	}
	for _, names := range []*Names{&e.HostsAdded, &e.HostsRemoved} {
		slices.Sort(names.First)
	}
	return e
}

func (e *Edit) open(format string, args ...any) {
	if len(e.Opens) < maxNames {
		e.Opens = append(e.Opens, fmt.Sprintf(format, args...))
	}
}

func (e *Edit) compareRules(old, now rule) {
	if old.other == now.other {
		return
	}
	e.RulesModified.add(now.Name)
	switch {
	case now.Action != document.Allow || now.Mode != document.Enforce:
	case old.Action == document.Deny:
		e.open("rule %s allows what it denied", now.Name)
	case len(old.Principals) > 0 && len(now.Principals) == 0:
		e.open("rule %s is for every caller; it was for some", now.Name)
	}
}

// merge walks two sorted lists together.
func merge[T any](old, now []T, compare func(a, b T) int, gone, came func(T), stayed func(old, now T)) {
	for len(old) > 0 || len(now) > 0 {
		order := 0
		switch {
		case len(now) == 0:
			order = -1
		case len(old) == 0:
			order = 1
		default:
			order = compare(old[0], now[0])
		}
		switch {
		case order < 0:
			gone(old[0])
			old = old[1:]
		case order > 0:
			came(now[0])
			now = now[1:]
		default:
			stayed(old[0], now[0])
			old, now = old[1:], now[1:]
		}
	}
}
