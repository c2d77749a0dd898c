package document

import (
	"fmt"
	"strings"

	"golang.org/x/net/publicsuffix"

	"wildcard-egress/filter/policy/glob"
	"wildcard-egress/filter/policy/servername"
)

// parseGlob checks a host pattern that is neither a name nor a wildcard. What an
// allow rule opens must end in a domain that somebody has registered; a deny rule
// opens nothing.
func parseGlob(text string, action Action) (Pattern, string) {
	tail := text[strings.LastIndexAny(text, glob.Meta)+1:]
	_, domain, _ := strings.Cut(tail, ".")
	if fault := servername.Fault(domain); domain != "" && fault != "" {
		return Pattern{}, fault
	}
	if action == Allow && !hasRegistrable(domain) {
		fault := `the registrable domain must be literal in a glob, such as "api-*.example.com"`
		if domain != "" {
			fault += fmt.Sprintf("; %q is a public suffix (publicsuffix.org), below which anybody can register", domain)
		}
		return Pattern{}, fault
	}
	p := Pattern{text: text, domain: domain, kind: Glob}
	for label := range strings.SplitSeq(p.Head(), ".") {
		if !strings.ContainsAny(label, glob.Meta+",!") && servername.LabelFault(label) != "" {
			return Pattern{}, servername.LabelFault(label)
		}
	}
	return p, glob.Fault(p.Head(), '.', servername.IsByte)
}

// parseHosts returns the patterns of one entry of a rule's hosts: mostly one. In an
// allow rule braces may reach over the registrable domain if all that they stand
// for has one of its own, and is a pattern by itself then.
func parseHosts(text string, action Action) ([]Pattern, error) {
	p, err := parsePattern(text, action)
	if err == nil || action == Deny || !strings.Contains(text, "{") || textFault(text) != "" {
		return []Pattern{p}, err
	}
	canonical, fault := canonicalText(text)
	if fault != "" || glob.Fault(canonical, '.', servername.IsByte) != "" {
		return nil, err
	}
	var all []Pattern
	for _, variant := range glob.Expand(canonical, '.') {
		p, fault := classify(variant, action)
		if fault != "" || !hasRegistrable(p.domain) {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// hasRegistrable reports whether a domain is at least a registrable one: a label
// below a suffix of a registry. Below private suffixes, such as github.io, there
// are own names too, and the domain itself is somebody's.
func hasRegistrable(domain string) bool {
	suffix, icann := publicsuffix.PublicSuffix(domain)
	for !icann && strings.Contains(suffix, ".") {
		_, above, _ := strings.Cut(suffix, ".")
		suffix, icann = publicsuffix.PublicSuffix(above)
	}
	return domain != "" && domain != suffix
}

// Head returns what a glob says of the labels before its domain, with the
// any-depth meaning of a leading "*." spelled out.
func (p Pattern) Head() string {
	head := strings.TrimSuffix(p.text, "."+p.domain)
	if strings.HasPrefix(head, "*.") {
		head = "*" + head
	}
	return head
}
