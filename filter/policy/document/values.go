package document

import (
	"fmt"
	"strings"
)

// Value is a field of the file with its effective value, as it is written there.
type Value struct{ Name, Text string }

// Values returns the settings that are no part of what rules decide: those of
// connections before their decision, and what holds where a rule says nothing.
// Tools compare and show policies by them, so every new setting belongs here.
func (d Defaults) Values() []Value {
	return append([]Value{
		{"mode", d.Mode.String()},
		{"on_revoke", d.OnRevoke.String()},
		{"client_hello_timeout", d.ClientHelloTimeout.String()},
		{"max_client_hello_bytes", fmt.Sprint(d.MaxClientHelloBytes)},
		{"refuse_ech", fmt.Sprint(d.RefuseECH)},
		{"refusal", d.Refusal.String()},
		{"logged_refusals_per_second", allowedText(d.LoggedRefusals)},
	}, d.Limits.values()...)
}

// Values returns what a rule says besides whom and what it is about.
func (r *Rule) Values() []Value {
	return append([]Value{{"mode", r.Mode.String()}, {"on_revoke", r.OnRevoke.String()}}, r.limits().values()...)
}

// Scope returns whom and what a rule is about, and what it does with them.
func (r *Rule) Scope() []Value {
	hosts := make([]string, len(r.Hosts))
	for i, h := range r.Hosts {
		hosts[i] = h.text
	}
	return []Value{
		{"action", r.Action.String()},
		{"hosts", strings.Join(hosts, " ")},
		{"principals", strings.Join(r.Principals, " ")},
		{"ports", strings.Trim(fmt.Sprint(r.Ports), "[]")},
	}
}
