package logs

import (
	"fmt"
	"strings"
	"testing"

	"wildcard-egress/filter"
	"wildcard-egress/outcome"
)

func summaryOf(t *testing.T, s *Summary, text string) Report {
	t.Helper()
	var tally Tally
	if err := Scan(strings.NewReader(text), "log", &tally, s.Add); err != nil {
		t.Fatal(err)
	}
	return s.Report(0)
}

func TestSummaryGroupsByCallerNameAndReason(t *testing.T) {
	r := summaryOf(t, NewSummary(), strings.Repeat(refusal(web, "a.example.com", "no_rule"), 3)+
		refusal(batch, "a.example.com", "no_rule")+
		lineOf("decision", "deny", "reason", "handshake_failed")+
		lineOf("reason", "too_many_waiting")+ // closed before there was a decision
		lineOf("reason", "shutting down")+
		lineOf("principal", web, "server_name", "b.example.com", "decision", "allow", "rule", "b")+
		lineOf("principal", web, "server_name", "b.example.com", "decision", "allow", "rule", "b", "reason", "dns_no_such_name")+
		lineOf("principal", web, "server_name", "c.example.com", "decision", "allow", "shadow_decision", "deny")+
		lineOf("principal", web, "server_name", "d.example.com", "decision", "allow", "shadow_decision", "allow", "shadow_rule", "d")+
		lineOf("event", "open", "decision", "allow", "shadow_decision", "deny"))
	got := fmt.Sprintf("%d %d %d %d", r.Allowed, r.Refused, r.Failed, r.Undecided)
	for _, table := range []Table{r.Refusals, r.Shadow, r.Failures} {
		for _, g := range table.Groups {
			got += fmt.Sprintf("\n%d %s %s %s %s", g.Connections, orDash(g.Caller), orDash(g.ServerName), g.Decision, g.Reason)
		}
	}
	want := `4 6 1 1
3 ` + web + ` a.example.com deny no_rule
1 - - deny handshake_failed
1 - - deny too_many_waiting
1 ` + batch + ` a.example.com deny no_rule
1 ` + web + ` c.example.com deny ` + `
1 ` + web + ` b.example.com allow dns_no_such_name`
	if got != want {
		t.Errorf("summary:\n%s\nwant:\n%s", got, want)
	}
	if len(r.Advice) != 4 {
		t.Errorf("advice: %v", r.Advice)
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// Memory is bounded whatever callers ask for, and the answer says so.
func TestSummaryOfManyNamesIsBounded(t *testing.T) {
	var text strings.Builder
	for i := range 5000 {
		text.WriteString(refusal(batch, fmt.Sprintf("x%d.example.com", i), "no_rule"))
		if i%50 == 0 {
			text.WriteString(refusal(web, "often.example.com", "no_rule"))
		}
	}
	s := newSummary(100)
	r := summaryOf(t, s, text.String())
	if g := r.Refusals.Groups[0]; len(r.Refusals.Groups) != 100 || g.ServerName != "often.example.com" || g.Connections-g.Over > 100 || g.Connections < 100 {
		t.Errorf("%d groups, first %+v", len(r.Refusals.Groups), g)
	}
	if most := 5100 / 100; r.Refusals.Missing < 1 || r.Refusals.Missing > most || r.Refused != 5100 {
		t.Errorf("missing %d, want at most %d; refused %d", r.Refusals.Missing, most, r.Refused)
	}
}

func TestEachReasonHasItsAdvice(t *testing.T) {
	reasons := 0
	for _, counter := range append(filter.Counters(), outcome.Counters()...) {
		kind, reason, ok := strings.Cut(counter, ".")
		if !ok {
			continue
		}
		reasons++
		if Advice(reason) == "" {
			t.Errorf("no advice for a connection that was %s: %s", kind, reason)
		}
	}
	if reasons < 30 || Advice("anything else") != "" {
		t.Errorf("%d reasons, advice for anything: %q", reasons, Advice("anything else"))
	}
}

func TestCallersAreChosenByGlobs(t *testing.T) {
	c, err := ParseCallers([]string{"spiffe://*/ns/shop/sa/*", Unknown})
	if err != nil {
		t.Fatal(err)
	}
	for caller, want := range map[string]bool{web: true, batch: true, "": true, "spiffe://cluster.local/ns/shop2/sa/web": false} {
		if got := c.Has(caller); got != want {
			t.Errorf("%q: %v, want %v", caller, got, want)
		}
	}
	if _, err := ParseCallers([]string{"shop/*"}); err == nil || !strings.Contains(err.Error(), "SPIFFE ID") {
		t.Errorf("error %v", err)
	}
}
