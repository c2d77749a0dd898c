package logs

import (
	"fmt"
	"strings"
	"testing"

	"wildcard-egress/filter/policy/document"
)

func TestReplaySaysWhatAPolicyWouldChange(t *testing.T) {
	const text = `{version: 1, rules: [
 {name: a, hosts: [a.example.com, new.example.com], ports: [443]},
 {name: never, action: deny, hosts: [denied.example.com]},
 {name: soon, action: deny, mode: shadow, hosts: [a.example.com]}]}` + "\n"
	d, err := document.Parse("policy.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	r := NewReplay(d)
	log := passed(web, "a.example.com", "rule", "x") + // as before
		lineOf("principal", web, "server_name", "a.example.com", "decision", "allow", "upstream_remote_address", "192.0.2.1:8443") + // another port
		passed(web, "denied.example.com") + passed(batch, "gone.example.com") + passed(batch, "gone.example.com") +
		refusal(web, "new.example.com", "no_rule") + refusal(web, "new.example.com", "no_policy") +
		refusal(web, "still.example.com", "no_rule") +
		passed(web, "gone.example.com", "reason", "revoked") + // a policy has ended it already
		refusal(web, "a.example.com", "too_many_names") + refusal(web, "192.0.2.1", "invalid_server_name") +
		lineOf("decision", "deny", "reason", "not_tls") + passed(web, "gone.example.com", "event", "open")
	var tally Tally
	if err := Scan(strings.NewReader(log), "log", &tally, r.Add); err != nil {
		t.Fatal(err)
	}
	got := r.Difference(0)
	said := fmt.Sprintf("lost %d gained %d same %d not decided %d\n", got.Lost, got.Gained, got.Same, got.NotDecided)
	for _, table := range []Table{got.LostGroups, got.GainedGroups, got.ShadowGroups} {
		for _, g := range table.Groups {
			said += fmt.Sprintf("%d %s %s: %s %s\n", g.Connections, g.ServerName, g.Detail, g.Decision, g.Reason+g.Rule)
		}
	}
	want := `lost 4 gained 2 same 3 not decided 3
2 gone.example.com port 443: deny no_rule
1 a.example.com port 8443: deny no_rule
1 denied.example.com port 443: deny denied_by_rulenever
2 new.example.com port 443: allow a
1 a.example.com port 443: deny soon
`
	if said != want {
		t.Errorf("replay:\n%s\nwant:\n%s", said, want)
	}
}
