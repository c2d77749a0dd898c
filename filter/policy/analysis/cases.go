package analysis

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v4"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/document"
	"wildcard-egress/filter/policy/servername"
	"wildcard-egress/filter/policy/strictyaml"
)

// Case is one expected decision. Rule and Reason are compared if not nil.
type Case struct {
	Line    int // where it stands in its file
	Request policy.Request
	Want    policy.Action
	Rule    *string
	Reason  *policy.Reason
}

// ParseCases reads a list of expected decisions, YAML or JSON:
//
//   - server_name: en.wikipedia.org
//     principal: spiffe://cluster.local/ns/a/sa/b   # absent: unknown
//     port: 443                                     # absent: not told
//     want: allow
//     rule: wikipedia                               # absent: any
//     reason: no_rule                               # absent: any
//
// Server names are as from the wire. One that is no host name is a mistake, unless
// the case expects the reason for that, and so is a principal that no caller can
// have: whatever the policy, such a case would be denied. It reports all mistakes, as Problems.
func ParseCases(file string, data []byte) ([]Case, error) {
	r := strictyaml.Reader{File: file, Begins: `a case: "- {server_name: en.wikipedia.org, want: allow}"`}
	var cases []Case
	if body := r.Document(data); body != nil {
		r.List(body, strictyaml.Root, func(n *yaml.Node, path strictyaml.Path) {
			cases = append(cases, readCase(&r, n, path))
		})
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	return cases, nil
}

// caseReasons are all that a decision can have.
var caseReasons = []policy.Reason{"", policy.NoRule, policy.DeniedByRule, invalidServerName}

func readCase(r *strictyaml.Reader, n *yaml.Node, path strictyaml.Path) Case {
	c := Case{Line: strictyaml.PositionOf(n).Line}
	var name *yaml.Node
	var namePath strictyaml.Path
	given := map[string]bool{}
	text := func(store func(string)) strictyaml.Read {
		return func(n *yaml.Node, path strictyaml.Path) {
			if value, ok := r.Text(n, path); ok {
				store(value)
			}
		}
	}
	ok := r.Fields(n, path, strictyaml.Fields{
		"server_name": func(n *yaml.Node, path strictyaml.Path) {
			given["server_name"] = true
			text(func(s string) { c.Request.ServerName, name, namePath = s, n, path })(n, path)
		},
		"principal": func(n *yaml.Node, path strictyaml.Path) {
			if id, ok := r.Text(n, path); ok {
				if c.Request.Principal = id; document.SPIFFEIDFault(id) != "" {
					r.Add(n, path, "%q: %s; leave it out for an unknown caller", strictyaml.Clip(id), document.SPIFFEIDFault(id))
				}
			}
		},
		"port": func(n *yaml.Node, path strictyaml.Path) {
			if port, ok := r.Integer(n, path, 1, 65535); ok {
				c.Request.Port = uint16(port)
			}
		},
		"want": func(n *yaml.Node, path strictyaml.Path) {
			given["want"] = true
			c.Want = strictyaml.Choice(r, n, path, policy.Allow, policy.Deny)
		},
		"rule": text(func(s string) { c.Rule = &s }),
		"reason": func(n *yaml.Node, path strictyaml.Path) {
			text(func(s string) { c.Reason = (*policy.Reason)(&s) })(n, path)
			if c.Reason != nil && !slices.Contains(caseReasons, *c.Reason) {
				r.Add(n, path, "%q: no policy gives this reason; want one of %q", strictyaml.Clip(string(*c.Reason)), caseReasons)
			}
		},
	})
	for _, required := range []string{"server_name", "want"} {
		if ok && !given[required] {
			r.Add(n, path, "no %s; a case needs one", required)
		}
	}
	if name != nil && (c.Reason == nil || *c.Reason != invalidServerName) {
		if _, err := servername.Parse([]byte(c.Request.ServerName)); err != nil {
			r.Add(name, namePath, "%v, so the policy is not asked and the case proves nothing; write a name, or expect the reason %q", err, invalidServerName)
		}
	}
	return c
}

// CaseResult is what came of one Case.
type CaseResult struct {
	Case
	Got policy.Decision
	Why string // how Got differs from what is wanted; empty if the case passes
}

// Try decides each case.
func Try(p *policy.Policy, cases []Case) []CaseResult {
	results := make([]CaseResult, len(cases))
	for i, c := range cases {
		got, _, _ := decideWire(p, c.Request)
		results[i] = CaseResult{Case: c, Got: got, Why: c.difference(got)}
	}
	return results
}

func (c Case) difference(got policy.Decision) string {
	switch {
	case got.Action != c.Want:
		return fmt.Sprintf("got %s, want %v", got.Summary(), c.Want)
	case c.Rule != nil && *c.Rule != got.Rule:
		return fmt.Sprintf("got %s, want rule %q", got.Summary(), *c.Rule)
	case c.Reason != nil && *c.Reason != got.Reason:
		return fmt.Sprintf("got %s, want reason %q", got.Summary(), *c.Reason)
	}
	return ""
}
