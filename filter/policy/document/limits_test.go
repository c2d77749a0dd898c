package document_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"wildcard-egress/filter/policy/document"
	"wildcard-egress/filter/policy/internal/reference"
)

func TestParseReadsLimits(t *testing.T) {
	d := reference.Parse(t, `
version: 1
rules:
  - {name: none, hosts: [example.com]}
  - name: own
    hosts: [example.org]
    limits:
      per_caller: {names: 5}
      total: {connections: 100, new_connections_per_second: 10}
      connection_duration: 1h30m
  - {name: shadow, hosts: [example.net], limits: {mode: shadow, total: {names: unlimited}}}
defaults:
  limits:
    per_caller: {connections: unlimited, new_names_per_second: 7}
    connection_duration: 24h
  logged_refusals_per_second: unlimited
`)
	if d.Defaults.LoggedRefusals != 0 {
		t.Errorf("logged refusals: %d a second, want all", d.Defaults.LoggedRefusals)
	}
	own := document.DefaultLimits.PerCaller
	own.Connections, own.NewNames = 0, 7
	if want := (document.Limits{PerCaller: own, Duration: 24 * time.Hour}); d.Defaults.Limits != want {
		t.Errorf("defaults: %+v, want %+v", d.Defaults.Limits, want)
	}
	for i, want := range []*document.Limits{
		nil,
		{PerCaller: document.Allowance{Names: 5}, Total: document.Allowance{Connections: 100, NewConnections: 10}, Duration: 90 * time.Minute},
		{Mode: document.ShadowMode, Duration: 24 * time.Hour},
	} {
		if got := d.Rules[i].Limits; !reflect.DeepEqual(got, want) {
			t.Errorf("rule %s: %+v, want %+v", d.Rules[i].Name, got, want)
		}
	}
}

// Limits are in shadow mode with what they stand in, unless they say otherwise.
func TestLimitsInheritTheMode(t *testing.T) {
	d := reference.Parse(t, `{version: 1, rules: [{name: a, hosts: [a.com], limits: {total: {names: 1}}}],
		defaults: {limits: {total: {names: 9}}, mode: shadow}}`)
	if d.Defaults.Limits.Mode != document.ShadowMode || d.Rules[0].Limits.Mode != document.ShadowMode {
		t.Errorf("modes %v and %v, want shadow", d.Defaults.Limits.Mode, d.Rules[0].Limits.Mode)
	}
}

func TestParseRefusesLimitsThatMakeNoSense(t *testing.T) {
	for name, tt := range map[string]struct{ defaults, rule, want string }{
		"zero":                   {defaults: "{per_caller: {connections: 0}}", want: "p:2:47: defaults.limits.per_caller.connections: 0 where a number from 1 to 1000000 is wanted"},
		"a word":                 {defaults: "{per_caller: {names: none}}", want: `"none" where a number from 1 to 1000000 or "unlimited" is wanted`},
		"a fraction":             {defaults: "{total: {names: 1.5}}", want: "1.5 where a number"},
		"an unknown field":       {defaults: "{per_callr: {}}", want: `unknown field "per_callr"; the fields here are connection_duration, mode, per_caller, total`},
		"an unknown number":      {defaults: "{total: {conns: 1}}", want: "the fields here are connections, names, new_connections_per_second, new_names_per_second"},
		"a duration too short":   {defaults: "{connection_duration: 10ms}", want: "a duration from 1s to 720h0m0s"},
		"a caller above all":     {defaults: "{per_caller: {names: 9}, total: {names: 8}}", want: "p:2:41: defaults.limits.per_caller.names: 9 is more than the 8 of all callers together (total)"},
		"a rule above all rules": {defaults: "{total: {connections: 10}}", rule: "{total: {connections: 11}}", want: "p:3:65: rules[0].limits.total.connections: 11 is more than the 10 of all rules together (defaults.limits.total)"},
		"a caller in a rule above the caller in all": {rule: "{per_caller: {names: 1025}}", want: "rules[0].limits.per_caller.names: 1025 is more than the 1024 that a caller has under all rules (defaults.limits.per_caller)"},
		"a caller in a rule above the rule":          {rule: "{per_caller: {connections: 3}, total: {connections: 2}}", want: "3 is more than the 2 of all callers together (total)"},
		"a deny rule":                                {rule: "{total: {names: 1}}, action: deny", want: "rules[0].limits: a deny rule lets nothing through"},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.defaults == "" {
				tt.defaults = "{}"
			}
			if tt.rule == "" {
				tt.rule = "{}"
			}
			_, err := document.Parse("p", []byte("version: 1\ndefaults: {limits: "+tt.defaults+"}\nrules: [{name: a, hosts: [a.com], limits: "+tt.rule+"}]\n"))
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v\nwant one, with %q", err, tt.want)
			}
		})
	}
}
