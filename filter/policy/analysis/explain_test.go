package analysis_test

import (
	"fmt"
	"strings"
	"testing"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/analysis"
	"wildcard-egress/filter/policy/internal/reference"
)

func TestExplain(t *testing.T) {
	d := reference.Parse(t, reference.Example)
	for name, tt := range map[string]struct {
		request policy.Request
		want    string   // the decision
		others  []string // parts of what is said about rules
	}{
		"wildcard's apex": {
			request: policy.Request{ServerName: "Wikipedia.org."}, want: "deny (no_rule)",
			others: []string{`wikipedia: host "*.wikipedia.org" does not match "wikipedia.org" itself`},
		},
		"look-alike": {
			request: policy.Request{ServerName: "evilwikipedia.org"}, want: "deny (no_rule)",
			others: []string{`wikipedia: host "*.wikipedia.org" does not match: without a dot before "wikipedia.org" it is another domain`},
		},
		"below an exact host": {
			request: policy.Request{ServerName: "www.api.stripe.com"}, want: "deny (no_rule)",
			others: []string{`payments: host "api.stripe.com" matches that name only`},
		},
		"star does not span labels": {
			request: policy.Request{ServerName: "ec2.a.b.amazonaws.com"}, want: "deny (no_rule)",
			others: []string{`payments: host "ec2.*.amazonaws.com" does not match; "*" and "?" stay within one label`},
		},
		"unknown caller and other port": {
			request: policy.Request{ServerName: "api.stripe.com", Port: 22}, want: "deny (no_rule)",
			others: []string{`payments: host "api.stripe.com" matches, but port 22 is none of its ports [443 8443] and the caller is unknown`},
		},
		"other principal": {
			request: policy.Request{ServerName: "api.stripe.com", Principal: reference.Guest}, want: "deny (no_rule)",
			others: []string{`payments: host "api.stripe.com" matches, but principal "` + reference.Guest + `" is none of its principals`},
		},
		"deny goes first": {
			request: policy.Request{ServerName: "upload.wikipedia.org"}, want: `deny by rule "no-uploads" (denied_by_rule)`,
			others: []string{`wikipedia: matches by "*.wikipedia.org", but deny rule "no-uploads" goes first`},
		},
		"shadow": {
			request: policy.Request{ServerName: "www.example.net"}, want: "deny (no_rule)",
			others: []string{`trial: matches by "*.example.net", but is in shadow mode: it would allow`},
		},
		"allowed": {
			request: policy.Request{ServerName: "en.wikipedia.org"}, want: `allow to port 443 by rule "wikipedia"`,
			others: []string{`no-uploads: host "upload.wikipedia.org" does not match`},
		},
		"no host name":         {request: policy.Request{ServerName: "127.0.0.1"}, want: "deny (invalid_server_name)"},
		"nothing comes near":   {request: policy.Request{ServerName: "example.de"}, want: "deny (no_rule)"},
		"suffix is not a clue": {request: policy.Request{ServerName: "somewhere-else.org"}, want: "deny (no_rule)"},
	} {
		t.Run(name, func(t *testing.T) {
			e := analysis.Explain(d, tt.request)
			if got := e.Decision.Summary(); got != tt.want {
				t.Errorf("Explain(%+v): %s, want %s", tt.request, got, tt.want)
			}
			var said []string
			for _, o := range e.Others {
				said = append(said, fmt.Sprintf("%s: %s", o.Rule, o.Why))
			}
			for _, other := range tt.others {
				if !strings.Contains(strings.Join(said, "\n"), other) {
					t.Errorf("Explain(%+v) does not say %q but:\n%s", tt.request, other, strings.Join(said, "\n"))
				}
			}
			if tt.others == nil && said != nil {
				t.Errorf("Explain(%+v) has other rules: %q", tt.request, said)
			}
		})
	}
}
