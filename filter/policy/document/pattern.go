package document

import (
	"fmt"
	"net/netip"
	"strings"

	"wildcard-egress/filter/policy/glob"
	"wildcard-egress/filter/policy/servername"
	"wildcard-egress/filter/policy/strictyaml"
)

// Kind says how a host pattern matches. The zero value matches one name only.
type Kind uint8

// The kinds of host patterns.
const (
	Exact    Kind = iota // one name
	Wildcard             // a leading "*.": one or more labels under a domain
	Any                  // "*": every name of two labels or more
	Glob                 // anything else
)

// Pattern is one checked entry of a rule's hosts, in canonical form: ASCII
// lower case, A-labels, no trailing dot. The zero Pattern matches nothing.
type Pattern struct {
	text   string
	domain string // of Exact the name, of Wildcard and Glob the literal labels at the end
	kind   Kind
}

// String returns the canonical text, such as "*.example.com".
func (p Pattern) String() string { return p.text }

// Kind returns how p matches.
func (p Pattern) Kind() Kind { return p.kind }

// Domain returns the whole literal labels at the end of the pattern: the name
// itself of an exact pattern, empty for "*" and for globs of deny rules that end
// in no literal label. Every name that p matches is this
// domain or lies under it.
func (p Pattern) Domain() string { return p.domain }

// Cover returns the narrowest pattern at least as wide as p that Envoy's
// server_names and Istio's hosts can say: an exact name, "*.suffix", or "*".
func (p Pattern) Cover() string {
	switch {
	case p.kind == Glob && p.domain == "":
		return "*"
	case p.kind == Glob:
		return "*." + p.domain
	}
	return p.text
}

// Matches reports whether p matches a canonical server name. It compiles
// globs anew each time: it is for tools, and a Policy decides faster.
func (p Pattern) Matches(serverName string) bool {
	head, under := strings.CutSuffix(serverName, "."+p.domain)
	switch p.kind {
	case Exact:
		return p.text != "" && serverName == p.text
	case Wildcard:
		return under && head != ""
	case Any:
		return strings.Contains(serverName, ".")
	}
	if p.domain == "" {
		head, under = serverName, true
	}
	return under && glob.MatchesAny(glob.Compile(p.Head(), '.', nil), head)
}

// ExactSpecificity is above the length of every literal suffix.
const ExactSpecificity = 1 << 10

// Specificity orders the patterns that match one name: exact first, then the
// longest literal suffix in bytes.
func (p Pattern) Specificity() int {
	if p.kind == Exact {
		return ExactSpecificity
	}
	return len(p.text) - 1 - strings.LastIndexAny(p.text, "*?]}")
}

// ExactPattern returns the pattern that matches a canonical server name only.
func ExactPattern(name string) Pattern { return Pattern{text: name, domain: name, kind: Exact} }

// ParsePattern checks one entry of an allow rule's hosts and brings it to
// canonical form (policy.md, "Hosts"). The error says how to mend it.
func ParsePattern(text string) (Pattern, error) { return parsePattern(text, Allow) }

// ParseDenyPattern is ParsePattern for a deny rule, whose globs may end as they
// like.
func ParseDenyPattern(text string) (Pattern, error) { return parsePattern(text, Deny) }

func parsePattern(text string, action Action) (Pattern, error) {
	if fault := textFault(text); fault != "" {
		return Pattern{}, fmt.Errorf("%q: %s", strictyaml.Clip(text), fault)
	}
	canonical, fault := canonicalText(text)
	if fault != "" {
		return Pattern{}, fmt.Errorf("%q: %s", text, fault)
	}
	p, fault := classify(canonical, action)
	if fault != "" {
		return Pattern{}, fmt.Errorf("%q: %s", text, fault)
	}
	return p, nil
}

func classify(text string, action Action) (Pattern, string) {
	domain, wild := strings.CutPrefix(text, "*.")
	switch {
	case text == "*":
		return Pattern{text: text, kind: Any}, ""
	case text == "**":
		return Pattern{}, `write "*" for every name`
	case text == "*.":
		return Pattern{}, `a wildcard needs a domain, such as "*.example.com"`
	case !glob.HasMeta(text):
		return ExactPattern(text), servername.Fault(text)
	case !wild || glob.HasMeta(domain):
		return parseGlob(text, action)
	case len(domain) > servername.MaxBytes-len("a."):
		return Pattern{}, fmt.Sprintf("no name of %d bytes or less is under this domain", servername.MaxBytes)
	}
	return Pattern{text: text, domain: domain, kind: Wildcard}, servername.Fault(domain)
}

// textFault finds the things that people write in place of a host name.
func textFault(text string) string {
	if len(text) > 4*servername.MaxBytes {
		return fmt.Sprintf("longer than %d bytes", 4*servername.MaxBytes)
	}
	if isAddress(text) {
		return "an IP address is not a host name; this gateway goes by name only"
	}
	switch {
	case text == "":
		return `empty host; write a name, such as "example.com", or remove it`
	case strings.HasPrefix(text, ".") && strings.Trim(text, ".") != "":
		domain := strings.TrimPrefix(text, ".")
		return fmt.Sprintf("a host does not begin with a dot; write %q for the names below the domain, and %q for the domain itself", "*."+strictyaml.Clip(domain), strictyaml.Clip(domain))
	case strings.Contains(text, "://"):
		return `a scheme is no part of a host; write the name alone, such as "example.com"`
	case strings.Contains(text, "/"):
		return `a path is no part of a host; write the name alone, such as "example.com"`
	case strings.Contains(text, ":"):
		return "a port is no part of a host; list it in the rule's ports"
	case strings.ContainsAny(text, " \t\r\n"):
		return "white space is no part of a host; write one name per list entry"
	case strings.Contains(text, ",") && !strings.Contains(text, "{"):
		return "a comma is no part of a host; write one name per list entry"
	case strings.Contains(text, `\`):
		return "no character of a host name needs an escape; remove the backslash"
	}
	return ""
}

// isAddress is true of an IP address, also with brackets or a port.
func isAddress(text string) bool {
	if text == "" || !servername.IsDigit(text[len(text)-1]) && !strings.Contains(text, ":") {
		return false // told without the error that the parsers would make of each name
	}
	_, err := netip.ParseAddr(strings.Trim(text, "[]"))
	_, portErr := netip.ParseAddrPort(text)
	return err == nil || portErr == nil
}
