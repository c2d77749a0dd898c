package analysis

import (
	"maps"
	"slices"
	"strings"
	"time"

	"wildcard-egress/filter/policy/document"
	"wildcard-egress/filter/policy/glob"
)

// farFuture is the deadline of searches that are short.
var farFuture = time.Now().AddDate(100, 0, 0)

// containment tells which patterns match all that others match, and remembers.
type containment struct {
	deadline time.Time
	known    map[[2]string]bool
}

// hosts reports whether wide matches every name that narrow matches. Where that
// takes too long to tell, it says no.
func (c *containment) hosts(wide, narrow document.Pattern) bool {
	switch {
	case wide == narrow:
		return true
	case wide.Kind() == document.Exact:
		return false
	case narrow.Kind() == document.Exact:
		return wide.Matches(narrow.String())
	case wide.Kind() == document.Any && hasDot(narrow), wide.Kind() == document.Wildcard && strings.HasSuffix("."+narrow.Domain(), "."+wide.Domain()):
		return true
	}
	return c.decide(wide.String(), narrow.String(), scope{names: true}, plainHosts(wide), plainHosts(narrow))
}

// principals is the same for two entries of rules' principals.
func (c *containment) principals(wide, narrow string) bool {
	switch {
	case wide == narrow:
		return true
	case !glob.HasMeta(wide):
		return false
	case !glob.HasMeta(narrow):
		return glob.MatchesAny(glob.Compile(wide, '/', nil), narrow)
	}
	return c.decide(wide, narrow, scope{principals: true}, plainPrincipals(wide), plainPrincipals(narrow))
}

func (c *containment) decide(wide, narrow string, s scope, wides, narrows []string) bool {
	key := [2]string{wide, narrow}
	known, ok := c.known[key]
	if !ok {
		if c.known == nil {
			c.known = map[[2]string]bool{}
		}
		must, not := s.term(narrows, narrows), s.term(wides, wides)
		_, v := search{scope: s, must: []term{must}, not: []term{not}, deadline: c.deadline}.run()
		known = v == absent
		c.known[key] = known
	}
	return known
}

// strictly reports whether wide matches all that narrow matches, and more.
func (c *containment) strictly(wide, narrow document.Pattern) bool {
	return wide != narrow && c.hosts(wide, narrow) && !c.hosts(narrow, wide)
}

// strictlyPrincipals is the same for entries of rules' principals.
func (c *containment) strictlyPrincipals(wide, narrow string) bool {
	return wide != narrow && c.principals(wide, narrow) && !c.principals(narrow, wide)
}

// narrowest returns the hosts, sorted, but for those that are wider than another.
func (c *containment) narrowest(hosts []document.Pattern) []string {
	narrow := map[string]bool{}
	for _, h := range hosts {
		narrow[h.String()] = !slices.ContainsFunc(hosts, func(other document.Pattern) bool { return c.strictly(h, other) })
	}
	maps.DeleteFunc(narrow, func(_ string, is bool) bool { return !is })
	return slices.Sorted(maps.Keys(narrow))
}

// label names the hosts that match a name together.
func (c *containment) label(hosts []document.Pattern) string {
	if len(hosts) == 0 {
		return otherWord
	}
	return strings.Join(c.narrowest(hosts), " and ")
}
