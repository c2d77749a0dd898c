package filter_test

import (
	"strconv"
	"strings"
	"testing"

	"wildcard-egress/filter"
)

func TestParseConfig(t *testing.T) {
	const policy = `version: 1
rules: [{name: a, hosts: [a.example.com]}]`
	for name, tt := range map[string]struct {
		raw     string
		want    filter.Config // but for Policy
		inline  string
		wantErr string
	}{
		"a file":                       {raw: `{"policy_file":"/p.yaml"}`, want: filter.Config{PolicyFile: "/p.yaml", DecisionCache: 4096}},
		"the policy itself":            {raw: policy, want: filter.Config{DecisionCache: 4096}, inline: policy},
		"the policy in a mapping":      {raw: `{"policy":{"version":1}}`, want: filter.Config{DecisionCache: 4096}, inline: `{"version": 1}`},
		"the policy as text":           {raw: `{"policy":"version: 1\n"}`, want: filter.Config{DecisionCache: 4096}, inline: "version: 1\n"},
		"all settings":                 {raw: "policy_file: /p.yaml\nrequire_policy_at_start: true\nupstream_port: 8443\ndecision_cache: 0", want: filter.Config{PolicyFile: "/p.yaml", RequirePolicyAtStart: true, UpstreamPort: 8443}},
		"callers by header":            {raw: "policy_file: /p.yaml\ncaller: proxy_protocol", want: filter.Config{PolicyFile: "/p.yaml", Caller: filter.CallerProxyProtocol, DecisionCache: 4096}},
		"callers by certificate":       {raw: "policy: {version: 1}\ncaller: certificate", want: filter.Config{Caller: filter.CallerCertificate, DecisionCache: 4096}, inline: "{version: 1}"},
		"callers by what is not":       {raw: "policy_file: /p.yaml\ncaller: proxy", wantErr: `filter_config: caller: "proxy": want certificate or proxy_protocol`},
		"neither":                      {raw: `{}`, wantErr: "give either policy_file"},
		"both":                         {raw: `{"policy_file":"/p.yaml","policy":{"version":1}}`, wantErr: "give either policy_file"},
		"an unknown key":               {raw: `{"policy_file":"/p.yaml","polcy":1}`, wantErr: "polcy"},
		"an end mark that is no truth": {raw: `{"policy_file":"/p.yaml","require_end_mark":"often"}`, wantErr: "require_end_mark"},
		"a cache of less than 0":       {raw: `{"policy_file":"/p.yaml","decision_cache":-1}`, wantErr: "decision_cache: -1: give a number from 0"},
		"a port over 65535":            {raw: `{"policy_file":"/p.yaml","upstream_port":65536}`, wantErr: "filter_config:"},
		"nothing":                      {raw: "", wantErr: "give either policy_file"},
		"no YAML":                      {raw: "{", wantErr: "filter_config:"},
		"a list":                       {raw: "[1]", wantErr: "filter_config:"},
		"bytes that are no text":       {raw: "\x00\xff\xfe", wantErr: "filter_config:"},
		"a number":                     {raw: "1", wantErr: "filter_config:"},
		"a TypedStruct of nothing":     {raw: "\x0a\x03a/b\x12\x00", wantErr: "give either policy_file"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := filter.ParseConfig([]byte(tt.raw))
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Errorf("error %v, want one with %q", err, tt.wantErr)
				}
				return
			}
			if err != nil || strings.TrimSpace(string(got.Policy)) != strings.TrimSpace(tt.inline) {
				t.Errorf("policy %q, %v; want %q", got.Policy, err, tt.inline)
			}
			got.Policy = nil
			if got.PolicyFile != tt.want.PolicyFile || got.Caller != tt.want.Caller || got.RequirePolicyAtStart != tt.want.RequirePolicyAtStart ||
				got.UpstreamPort != tt.want.UpstreamPort || got.DecisionCache != tt.want.DecisionCache {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// An older policy of the same name may be in force: callers must not come from
// elsewhere than before.
func TestCallerHoldsBesideAMistake(t *testing.T) {
	for raw, want := range map[string]filter.Caller{
		`{"policy_fil":"/p.yaml","caller":"proxy_protocol"}`: filter.CallerProxyProtocol,
		`{"policy_file":"/p.yaml","caller":"proxy"}`:         "proxy",
		`{"policy_file":"/p.yaml","caller":["certificate"]}`: "unreadable",
		`{"policy_fil":"/p.yaml"}`:                           "",
	} {
		if got, err := filter.ParseConfig([]byte(raw)); err == nil || got.Caller != want {
			t.Errorf("%s: callers %q, %v; want an error and %q", raw, got.Caller, err, want)
		}
	}
}

func TestRequirePolicyAtStartHoldsBesideAMistake(t *testing.T) {
	got, err := filter.ParseConfig([]byte(`{"policy_fil":"/p.yaml","require_policy_at_start":true}`))
	if err == nil || !got.RequirePolicyAtStart {
		t.Errorf("got %+v, %v; want an error, and the start refused", got, err)
	}
}

func TestRequireEndMarkIsSetUnsetOrNotGiven(t *testing.T) {
	for raw, want := range map[string]string{"": "<nil>", `,"require_end_mark":true`: "true", `,"require_end_mark":false`: "false"} {
		c, err := filter.ParseConfig([]byte(`{"policy_file":"/p.yaml"` + raw + `}`))
		got := "<nil>"
		if c.RequireEndMark != nil {
			got = strconv.FormatBool(*c.RequireEndMark)
		}
		if err != nil || got != want {
			t.Errorf("%s: %v, %v; want %s", raw, got, err, want)
		}
	}
}
