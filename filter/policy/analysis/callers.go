package analysis

import (
	"slices"
	"strconv"
	"strings"

	"wildcard-egress/filter/policy/document"
	"wildcard-egress/filter/policy/glob"
)

// labelled is a principal that stands for those of the label.
type labelled struct{ label, value string }

// principalsOf returns a principal for each set of the rules' principals that
// match one together.
func (c *comparer) principalsOf(rules []document.Rule) []labelled {
	var listed, globs []string
	for _, r := range rules {
		for _, principal := range r.Principals {
			if glob.HasMeta(principal) {
				globs = append(globs, principal)
			} else {
				listed = append(listed, principal)
			}
		}
	}
	if len(listed)+len(globs) == 0 {
		return []labelled{{label: anyWord}}
	}
	slices.Sort(listed)
	slices.Sort(globs)
	listed, globs = slices.Compact(listed), slices.Compact(globs)
	key := strings.Join(listed, " ") + "|" + strings.Join(globs, " ")
	if c.principals[key] == nil {
		c.principals[key] = c.findPrincipals(listed, globs)
	}
	return c.principals[key]
}

func (c *comparer) findPrincipals(listed, globs []string) []labelled {
	var found []labelled
	for _, principal := range listed {
		found = append(found, labelled{principal, principal})
	}
	search := overlaps{
		separator: '/', start: document.PrincipalScheme, alphabet: strings.ReplaceAll(glob.SymbolBytes, ":", ""), longest: document.MaxPrincipalBytes, listed: listed,
		follows: func(last, next byte) bool { return last != '/' || next != '/' },
		whole:   func(id string) bool { return !strings.HasSuffix(id, "/") },
		within:  atomsOf([]string{document.PrincipalScheme + "**"}),
		budget:  &c.budget,
	}
	for _, text := range globs[:min(len(globs), maxOverlaps)] {
		search.others = append(search.others, atomsOf(glob.Expand(text, '/')))
	}
	ids, complete := search.examples()
	if !complete || len(globs) > maxOverlaps {
		c.Incomplete = append(c.Incomplete, globs...)
	}
	for _, id := range ids {
		label := otherWord
		matching := slices.DeleteFunc(slices.Clone(globs), func(text string) bool { return !glob.MatchesAny(glob.Compile(text, '/', nil), id) })
		if len(matching) > 0 {
			label = strings.Join(matching, " and ")
		}
		found = append(found, labelled{label, id})
	}
	return append(found, labelled{label: unknownWord})
}

type labelledPort struct {
	label string
	value uint16
}

// portsOf returns the rules' ports, one that none of them lists, and none.
func portsOf(rules []document.Rule) []labelledPort {
	var ports []uint16
	for _, r := range rules {
		ports = append(ports, r.Ports...)
	}
	slices.Sort(ports)
	var found []labelledPort
	for _, port := range slices.Compact(ports) {
		found = append(found, labelledPort{strconv.Itoa(int(port)), port})
	}
	free := uint16(1)
	for slices.Contains(ports, free) {
		free++
	}
	return append(found, labelledPort{otherWord, free}, labelledPort{unknownWord, 0})
}
