package analysis_test

import (
	"fmt"
	"reflect"
	"testing"

	"wildcard-egress/filter/policy/analysis"
	"wildcard-egress/filter/policy/internal/reference"
)

func TestTry(t *testing.T) {
	cases, err := analysis.ParseCases("cases.yaml", []byte(`
- {server_name: EN.wikipedia.org., want: allow, rule: wikipedia, reason: ""}
- {server_name: upload.wikipedia.org, want: allow}
- {server_name: upload.wikipedia.org, want: deny, reason: no_rule}
- {server_name: en.wikipedia.org, want: allow, rule: payments}
- server_name: api.stripe.com
  principal: `+reference.Payer+`
  port: 8443
  want: allow
- {server_name: 127.0.0.1, want: deny, reason: invalid_server_name}
`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range analysis.Try(reference.Compile(t, reference.Example), cases) {
		got = append(got, fmt.Sprintf("%d %s", r.Line, r.Why))
	}
	want := []string{
		"2 ",
		`3 got deny by rule "no-uploads" (denied_by_rule), want allow`,
		`4 got deny by rule "no-uploads" (denied_by_rule), want reason "no_rule"`,
		`5 got allow to port 443 by rule "wikipedia", want rule "payments"`,
		"6 ",
		"10 ",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("results: got %+v, want %+v", got, want)
	}
}

func TestParseCasesReportsAllMistakes(t *testing.T) {
	_, err := analysis.ParseCases("c", []byte("- {server_name: a.com}\n- {want: maybe, server: b, server_name: b}\n- {server_name: 1, want: deny, port: 70000}\n- 7\n"+
		"- {server_name: '*.ubuntu.com', want: deny}\n- {server_name: 'https://a.com', want: deny, reason: no_rule}\n- {server_name: a.com, principal: 'spiffe://a/*', want: deny}\n- {server_name: a.com, principal: web, want: deny}\n- {server_name: a.com, want: deny, reason: no_rul}\n"))
	want := `c:1:3: [0]: no want; a case needs one
c:2:10: [1].want: "maybe" where one of allow, deny is wanted
c:2:17: [1]: unknown field "server"; the fields here are port, principal, reason, rule, server_name, want
c:3:17: [2].server_name: 1 where text is wanted
c:3:38: [2].port: 70000 where a number from 1 to 65535 is wanted
c:4:3: [3]: 7 where fields are wanted: port, principal, reason, rule, server_name, want
c:5:17: [4].server_name: not a host name: "*.ubuntu.com": byte "*" is not a letter, digit, hyphen or underscore, so the policy is not asked and the case proves nothing; write a name, or expect the reason "invalid_server_name"
c:6:17: [5].server_name: not a host name: "https://a.com": byte ":" is not a letter, digit, hyphen or underscore, so the policy is not asked and the case proves nothing; write a name, or expect the reason "invalid_server_name"
c:7:35: [6].principal: "spiffe://a/*": a glob is no SPIFFE ID; write one that a caller has; leave it out for an unknown caller
c:8:35: [7].principal: "web": a principal is a SPIFFE ID, such as "spiffe://cluster.local/ns/payments/sa/*"; leave it out for an unknown caller
c:9:44: [8].reason: "no_rul": no policy gives this reason; want one of ["" "no_rule" "denied_by_rule" "invalid_server_name"]`
	if err == nil {
		t.Fatal("ParseCases accepts mistakes")
	}
	if got := err.Error(); got != want {
		t.Errorf("mistakes: got\n%s\nwant\n%s", got, want)
	}
}
