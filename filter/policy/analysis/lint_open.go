package analysis

import (
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/document"
	"wildcard-egress/filter/policy/glob"
)

// hosts looks for hosts that an allow rule opens wider than they look, and in
// all rules for letters that look like others.
func (l *linter) hosts(rule int) {
	r := l.document.Rules[rule]
	for i, host := range r.Hosts {
		if what := lookAlikes(host.String()); what != "" {
			l.add(CheckLookAlike, rule, i, "%s; if it is meant, nothing is wrong", what)
		}
		if r.Action == policy.Deny {
			continue
		}
		suffix, label, example := openSuffix(host)
		front, about := l.sharedFront(host)
		switch {
		case host.Kind() == document.Any:
			l.add(CheckAnyHost, rule, i, "allows every host; list the domains instead")
		case host.Kind() == document.Exact && !strings.Contains(host.String(), "."):
			l.add(CheckSingleLabel, rule, i, "has no dot, so no public DNS name is meant; write the full name")
		case suffix != "" && strings.Trim(label, "*") == "":
			l.add(CheckPublicSuffix, rule, i, "anybody can register a name under the public suffix %q; list the domains instead", suffix)
		case suffix != "":
			l.add(CheckPublicSuffix, rule, i, "anybody can register such a name, %q say, under the public suffix %q; list your names instead", example, suffix)
		case front != "":
			l.add(CheckSharedHost, rule, i, "%q is %s", front, about)
		}
	}
}

// openSuffix returns a public suffix under which the host matches names whose
// registrable label is not fixed, that label's glob, and such a name.
func openSuffix(host document.Pattern) (suffix, label, example string) {
	switch {
	case host.Kind() == document.Wildcard && isPublicSuffix(host.Domain()):
		return host.Domain(), "*", "any." + host.Domain()
	case host.Kind() != document.Glob: // a wildcard's domain is fixed, so the label is, too
		return "", "", ""
	}
	for _, plain := range plainHosts(host) {
		labels := strings.Split(plain, ".")
		for _, name := range spellings(labels) {
			suffix, _ := publicsuffix.PublicSuffix(name)
			registrable := len(labels) - 2 - strings.Count(suffix, ".")
			if registrable >= 0 && registrable < len(labels) && glob.HasMeta(labels[registrable]) {
				return suffix, labels[registrable], name
			}
		}
	}
	return "", "", ""
}

// isPublicSuffix also knows domains whose every child is a public suffix.
func isPublicSuffix(domain string) bool {
	suffix, _ := publicsuffix.PublicSuffix(domain)
	below, _ := publicsuffix.PublicSuffix("any." + domain)
	return suffix == domain || below == "any."+domain
}

// maxSpellings bounds the names that stand for one glob.
const maxSpellings = 4096

// spellings returns names that the labels of a glob without braces match: each
// label as it is, or as the parts of public suffixes that it can be, or as
// something else.
func spellings(labels []string) []string {
	names := []string{""}
	for i, label := range labels {
		var next []string
		for _, spelling := range spellingsOf(label) {
			for _, name := range names {
				if i > 0 {
					name += "."
				}
				if next = append(next, name+spelling); len(next) == maxSpellings {
					break
				}
			}
		}
		names = next
	}
	return names
}

func spellingsOf(label string) (spellings []string) {
	if !glob.HasMeta(label) {
		return []string{label}
	}
	globs := glob.Compile(label, '.', nil)
	spellings = slices.DeleteFunc(slices.Clone(suffixLabels), func(s string) bool { return !glob.MatchesAny(globs, s) })
	s := search{scope: scope{names: true}, must: []term{{atomsOf(label, '.')}}, deadline: farFuture}
	for _, known := range spellings {
		s.not = append(s.not, term{atomsOf(known, '.')})
	}
	if other, v := s.run(); v == found { // first, since it makes the plainer example
		spellings = slices.Insert(spellings, 0, other.name)
	}
	return spellings
}

// suffixLabels are the labels in the middle of public suffixes: of clouds whose
// storage and functions have names below a region or a service.
var suffixLabels = strings.Fields(`
	us-east-1 us-east-2 us-west-1 us-west-2 us-gov-east-1 us-gov-west-1 ca-central-1 ca-west-1 mx-central-1 sa-east-1
	eu-central-1 eu-central-2 eu-west-1 eu-west-2 eu-west-3 eu-south-1 eu-south-2 eu-north-1 il-central-1
	af-south-1 me-south-1 me-central-1 ap-east-1 ap-east-2 ap-south-1 ap-south-2 ap-northeast-1 ap-northeast-2 ap-northeast-3
	ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-7 cn-north-1 cn-northwest-1
	s3 s3-website s3-accesspoint s3-deprecated dualstack execute-api elb lambda-url emrappui-prod
	blob web file core cloudapp azurewebsites servicebus database
	github gitlab herokuapp appspot web run workers pages r2 storage vercel netlify firebaseapp co com org net`)
