package policy

import (
	"fmt"

	"go.yaml.in/yaml/v4"
)

// Case is one expected decision. Rule and Reason are compared if not nil.
type Case struct {
	Line    int // where it stands in its file
	Request Request
	Want    Action
	Rule    *string
	Reason  *Reason
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
// Server names are as from the wire. It reports all mistakes, as Problems.
func ParseCases(file string, data []byte) ([]Case, error) {
	r := reader{file: file}
	var cases []Case
	if body := r.document(data); body != nil {
		r.list(body, root, func(n *yaml.Node, path fieldPath) {
			cases = append(cases, r.testCase(n, path))
		})
	}
	if len(r.problems) > 0 {
		r.problems.sort()
		return nil, r.problems
	}
	return cases, nil
}

func (r *reader) testCase(n *yaml.Node, path fieldPath) Case {
	c := Case{Line: positionOf(n).line}
	given := map[string]bool{}
	text := func(store func(string)) fieldReader {
		return func(n *yaml.Node, path fieldPath) {
			if value, ok := r.text(n, path); ok {
				store(value)
			}
		}
	}
	ok := r.fields(n, path, fieldReaders{
		"server_name": func(n *yaml.Node, path fieldPath) {
			given["server_name"] = true
			text(func(s string) { c.Request.ServerName = s })(n, path)
		},
		"principal": text(func(s string) { c.Request.Principal = s }),
		"port": func(n *yaml.Node, path fieldPath) {
			port, _ := r.integer(n, path, 1, 65535)
			c.Request.Port = uint16(port)
		},
		"want": func(n *yaml.Node, path fieldPath) {
			given["want"] = true
			c.Want = choice(r, n, path, Allow, Deny)
		},
		"rule":   text(func(s string) { c.Rule = &s }),
		"reason": text(func(s string) { c.Reason = (*Reason)(&s) }),
	})
	for _, required := range []string{"server_name", "want"} {
		if ok && !given[required] {
			r.add(n, path, "no %s; a case needs one", required)
		}
	}
	return c
}

// CaseResult is what came of one Case.
type CaseResult struct {
	Case
	Got Decision
	Why string // how Got differs from what is wanted; empty if the case passes
}

// Try decides each case.
func (p *Policy) Try(cases []Case) []CaseResult {
	results := make([]CaseResult, len(cases))
	for i, c := range cases {
		got, _, _ := p.decideWire(c.Request)
		results[i] = CaseResult{Case: c, Got: got, Why: c.difference(got)}
	}
	return results
}

func (c Case) difference(got Decision) string {
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
