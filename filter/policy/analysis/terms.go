package analysis

import (
	"slices"
	"strings"

	"wildcard-egress/filter/policy/document"
	"wildcard-egress/filter/policy/glob"
)

// A request is searched for as one string: its server name, a NUL and its
// principal. A question that is about one of the two only has that alone.
const between = "\x00"

// term is a set of requests: those that one of its alternatives matches.
type term []alternative

// alternative is a glob without braces over a whole request.
type alternative []atom

// atom is one character, class or run of stars of a glob.
type atom struct {
	text      string
	separator byte // where "*" and "?" end: '.' in names, '/' in principals
}

// star reports whether a is a run of stars, which also matches nothing.
func (a atom) star() bool { return a.text[0] == '*' }

// accepts reports whether a goes on, or stays if it is a star, at c.
func (a atom) accepts(c byte) bool {
	switch {
	case a.text == between || c == between[0]:
		return a.text == string(c)
	case a.star():
		return a.text != "*" || c != a.separator
	}
	return glob.AtomAccepts(a.text, c, a.separator)
}

func atomsOf(plain string, separator byte) (atoms alternative) {
	for text, rest := glob.NextAtom(plain); text != ""; text, rest = glob.NextAtom(rest) {
		atoms = append(atoms, atom{text, separator})
	}
	return atoms
}

// everything matches every server name, or every principal.
const everything = "**"

// plainHosts returns globs without braces that together match what p does.
func plainHosts(p document.Pattern) []string {
	switch p.Kind() {
	case document.Exact:
		return []string{p.String()}
	case document.Wildcard:
		return []string{"**." + p.Domain()}
	case document.Any:
		return []string{"**.**"}
	}
	globs := glob.Expand(p.Head(), '.')
	for i := range globs {
		globs[i] = strings.TrimSuffix(globs[i]+"."+p.Domain(), ".")
	}
	return globs
}

// plainPrincipals returns globs without braces that together match what an
// entry of a rule's principals does.
func plainPrincipals(principal string) []string { return glob.Expand(principal, '/') }

// scope says which parts the requests of a search have.
type scope struct{ names, principals bool }

// term returns the requests with one of the hosts and one of the principals,
// both as globs without braces.
func (s scope) term(hosts, principals []string) (t term) {
	if !s.names {
		hosts = []string{""}
	}
	if !s.principals {
		principals = []string{""}
	}
	for _, host := range hosts {
		for _, principal := range principals {
			var a alternative
			if s.names {
				a = atomsOf(host, '.')
			}
			if s.names && s.principals {
				a = append(a, atom{between, 0})
			}
			if s.principals {
				a = append(a, atomsOf(principal, '/')...)
			}
			t = append(t, a)
		}
	}
	return t
}

// fits reports whether the literal ends of two globs without braces allow that
// both match the same text.
func fits(x, y string) bool {
	xPrefix, _, xTail := glob.SplitLiterals(x)
	yPrefix, _, yTail := glob.SplitLiterals(y)
	begins := strings.HasPrefix(xPrefix, yPrefix) || strings.HasPrefix(yPrefix, xPrefix)
	if !glob.HasMeta(x) || !glob.HasMeta(y) { // a literal has no tail of its own
		return begins
	}
	return begins && (strings.HasSuffix(xTail, yTail) || strings.HasSuffix(yTail, xTail))
}

// anyFits reports whether some of xs and some of ys fit.
func anyFits(xs, ys []string) bool {
	return slices.ContainsFunc(xs, func(x string) bool {
		return slices.ContainsFunc(ys, func(y string) bool { return fits(x, y) })
	})
}
