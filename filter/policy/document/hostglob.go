package document

import (
	"strings"

	"golang.org/x/net/publicsuffix"

	"wildcard-egress/filter/policy/glob"
	"wildcard-egress/filter/policy/servername"
)

// parseGlob checks a host pattern that is neither a name nor a wildcard.
func parseGlob(text string) (Pattern, string) {
	tail := text[strings.LastIndexAny(text, glob.Meta)+1:]
	_, domain, _ := strings.Cut(tail, ".")
	if fault := servername.Fault(domain); domain != "" && fault != "" {
		return Pattern{}, fault
	}
	if _, err := publicsuffix.EffectiveTLDPlusOne(domain); err != nil {
		return Pattern{}, `the registrable domain must be literal in a glob, such as "api-*.example.com"`
	}
	p := Pattern{text: text, domain: domain, kind: Glob}
	for label := range strings.SplitSeq(p.Head(), ".") {
		if !strings.ContainsAny(label, glob.Meta+",!") && servername.LabelFault(label) != "" {
			return Pattern{}, servername.LabelFault(label)
		}
	}
	return p, glob.Fault(p.Head(), '.', servername.IsByte)
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
