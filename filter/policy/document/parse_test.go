package document_test

import (
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/document"
	"wildcard-egress/filter/policy/internal/reference"
)

func TestParseFillsInDefaults(t *testing.T) {
	d := reference.Parse(t, `
rules:
  - name: plain
    hosts: [example.com]
  - {name: own, hosts: [example.org], mode: enforce, on_revoke: keep, ports: [80]}
  - {name: closed, hosts: [example.net], action: deny}
defaults:
  ports: [8443, 443]
  mode: shadow
  on_revoke: close
  client_hello_timeout: 1m30s
  max_client_hello_bytes: 65536
  refuse_ech: true
  refusal: reset
  logged_refusals_per_second: 7
version: 1
`)
	type rule struct {
		Action   policy.Action
		Mode     document.Mode
		OnRevoke document.OnRevoke
		Ports    []uint16
	}
	got := map[string]rule{}
	for _, r := range d.Rules {
		got[r.Name] = rule{r.Action, r.Mode, r.OnRevoke, r.Ports}
	}
	rules := map[string]rule{
		"plain":  {policy.Allow, document.ShadowMode, document.Close, []uint16{8443, 443}},
		"own":    {policy.Allow, document.Enforce, document.Keep, []uint16{80}},
		"closed": {policy.Deny, document.ShadowMode, document.Close, nil},
	}
	if !reflect.DeepEqual(got, rules) {
		t.Errorf("rules: got %+v, want %+v", got, rules)
	}
	want := document.Settings{ClientHelloTimeout: 90 * time.Second, MaxClientHelloBytes: 65536, RefuseECH: true, Refusal: document.RefuseWithReset, Limits: document.DefaultLimits, LoggedRefusals: 7}
	want.Limits.Mode = document.ShadowMode
	if got := policy.Compile(d).Settings(); !reflect.DeepEqual(got, want) {
		t.Errorf("settings: got %+v, want %+v", got, want)
	}
}

func TestParseHasBuiltInDefaults(t *testing.T) {
	d := reference.Parse(t, `{"version": 1, "rules": [{"name": "a", "hosts": ["example.com"]}]}`)
	want := document.Defaults{Ports: []uint16{443}, Settings: document.DefaultSettings}
	if !reflect.DeepEqual(d.Defaults, want) {
		t.Errorf("defaults: got %+v, want %+v", d.Defaults, want)
	}
}

func TestParseReadsEveryLayout(t *testing.T) {
	want := reference.Parse(t, "version: 1\nrules:\n- name: a\n  hosts: [example.com, \"*.example.com\"]\n").Hash()
	for name, text := range map[string]string{
		"JSON":           `{"version":1,"rules":[{"name":"a","hosts":["example.com","*.example.com"]}]}`,
		"JSON with tabs": "{\n\t\"version\": 1,\n\t\"rules\": [\n\t\t{\"name\": \"a\", \"hosts\": [\"example\\u002ecom\", \"*.example.com\"]}\n\t]\n}\n",
		"CR LF":          "version: 1\r\nrules:\r\n- name: a\r\n  hosts:\r\n  - example.com\r\n  - '*.example.com'\r\n",
		"byte order mark, comments and document marks": "\ufeff# policy\n---\nversion: 1 # one\nrules:\n# first\n- name: a\n  hosts: # all\n  - example.com\n  - '*.EXAMPLE.com.'\n",
		"defaults written out":                         "version: 1\ndefaults: {mode: enforce, ports: [443]}\nrules: [{name: a, action: allow, hosts: [example.com, '**.example.com']}]\n",
	} {
		if got := reference.Parse(t, text).Hash(); got != want {
			t.Errorf("%s: Hash = %s, want %s", name, got, want)
		}
	}
}

func TestParseReadsManyRules(t *testing.T) {
	const n = 1000
	rules := strings.Repeat("\n{name: a%d, hosts: [a.com]}", n)
	for name, text := range map[string]string{
		"block":            "rules:" + strings.ReplaceAll(rules, "\n{name: a%d, hosts: [a.com]}", "\n- name: a%d\n  hosts:\n  - a.com\n  - b.com\n  ports: [443]"),
		"indented block":   "rules:" + strings.ReplaceAll(rules, "\n{name: a%d, hosts: [a.com]}", "\n    - hosts:\n        - a.com\n        - b.com\n      name: a%d\n      ports:\n      - 443"),
		"dash on its line": "rules:" + strings.ReplaceAll(rules, "\n{name: a%d, hosts: [a.com]}", "\n  -\n    hosts: [a.com]\n    name: a%d"),
		"flow in block":    "rules:" + strings.ReplaceAll(rules, "\n{", "\n  - {"),
		"flow":             "rules: [" + strings.ReplaceAll(rules, "}", "},") + "\n]",
		"explicit keys":    "rules:" + strings.ReplaceAll(rules, "\n{name: a%d, hosts: [a.com]}", "\n- ? name\n  : a%d\n  ? hosts\n  : [a.com]"),
	} {
		i := 0
		for strings.Contains(text, "%d") {
			text = strings.Replace(text, "%d", strconv.Itoa(i), 1)
			i++
		}
		d, err := document.Parse("policy.yaml", []byte("version: 1\n"+text))
		if err != nil || len(d.Rules) != n {
			t.Errorf("%s: Parse of %d rules: %.300v", name, n, err)
		}
	}
}

func TestHashChangesWithEveryValue(t *testing.T) {
	const base = `{version: 1, defaults: {mode: enforce}, rules: [{name: a, hosts: [a.com, b.com], principals: ["spiffe://a/b"]}, {name: b, hosts: [c.com]}]}`
	seen := map[string]string{}
	for _, change := range [][2]string{
		{"", ""}, {"mode: enforce", "mode: shadow"}, {"mode: enforce", "refuse_ech: true"}, {"mode: enforce", "on_revoke: close"},
		{"mode: enforce", "refusal: close"}, {"mode: enforce", "client_hello_timeout: 4s"}, {"mode: enforce", "max_client_hello_bytes: 600"},
		{"mode: enforce", "ports: [80]"}, {"name: a", "name: c"}, {"name: b", "name: b, action: deny"}, {"name: b", "name: b, mode: shadow"},
		{"name: b", "name: b, ports: [80]"}, {"name: b", "name: b, on_revoke: close"}, {"a.com", "d.com"}, {"a.com, b.com", "b.com, a.com"},
		{"a.com, b.com", "a.com"}, {"spiffe://a/b", "spiffe://a/c"},
	} {
		text := strings.Replace(base, change[0], change[1], 1)
		hash := reference.Parse(t, text).Hash()
		if other, ok := seen[hash]; ok {
			t.Errorf("%s and %s have the same hash", text, other)
		}
		seen[hash] = text
	}
}

func TestParseReportsAllMistakes(t *testing.T) {
	const text = `version: 2
defaults: {ports: [], client_hello_timeout: 5, refusal: foo, max_client_hello_bytes: 1}
extra: 1
rules:
  - name: a b
    hosts: ["*.", "api.*.com", &a b.com]
    hosts: [a.com]
  - hosts: [a.com, A.com.]
    name: twin
    principals: [cluster.local/ns/a/sa/b]
    ports: [0, 443, 443, "80"]
  - name: twin
    hosts: {}
    principal: x
  - 5
`
	want := `policy.yaml:1:10: version: 2 is not a version that this program knows; write 1
policy.yaml:2:19: defaults.ports: empty list; add an entry or remove the field
policy.yaml:2:45: defaults.client_hello_timeout: 5 where a duration from 100ms to 5m0s is wanted, such as "5s"
policy.yaml:2:57: defaults.refusal: "foo" where one of alert, close, reset is wanted
policy.yaml:2:86: defaults.max_client_hello_bytes: 1 where a number from 512 to 65536 is wanted
policy.yaml:3:1: unknown field "extra"; the fields here are defaults, rules, version
policy.yaml:5:11: rules[0].name: "a b": a name has letters, digits, '.', '_' and '-', 64 at most, since it appears in logs and metrics
policy.yaml:6:13: rules[0].hosts[0]: "*.": a wildcard needs a domain, such as "*.example.com"
policy.yaml:6:19: rules[0].hosts[1]: "api.*.com": the registrable domain must be literal in a glob, such as "api-*.example.com"; "com" is a public suffix (publicsuffix.org), below which anybody can register
policy.yaml:6:32: rules[0].hosts[2]: an anchor (not supported: write the value out) where text is wanted
policy.yaml:7:5: rules[0].hosts: field given twice; remove one
policy.yaml:8:20: rules[1].hosts[1]: "A.com.": given twice in this rule; remove one
policy.yaml:10:18: rules[1].principals[0]: "cluster.local/ns/a/sa/b": a principal is a SPIFFE ID, such as "spiffe://cluster.local/ns/payments/sa/*"
policy.yaml:11:13: rules[1].ports[0]: 0 where a number from 1 to 65535 is wanted
policy.yaml:11:21: rules[1].ports[2]: 443: given twice; remove one
policy.yaml:11:26: rules[1].ports[3]: "80" where a number from 1 to 65535 is wanted
policy.yaml:12:11: rules[2].name: "twin": also the name of the rule in line 9; names are unique
policy.yaml:13:12: rules[2].hosts: a mapping where a list is wanted
policy.yaml:14:5: rules[2]: unknown field "principal"; the fields here are action, hosts, limits, mode, name, on_revoke, ports, principals
policy.yaml:15:5: rules[3]: 5 where fields are wanted: action, hosts, limits, mode, name, on_revoke, ports, principals`
	_, err := document.Parse("policy.yaml", []byte(text))
	if err == nil {
		t.Fatal("Parse accepts a policy with many mistakes")
	}
	if got := err.Error(); got != want {
		t.Errorf("mistakes: got\n%s\nwant\n%s", got, want)
	}
}

// To YAML an unquoted star is an alias, and often not even that.
func TestParseReportsAllUnquotedStars(t *testing.T) {
	const text = `version: 1
# all of *.wikipedia.org
rules:
  - name: a
    hosts:
      - "*.quoted.org" # and not *.example.org
      - *.wikipedia.org
      - a.com
      -  *wiki
  - name: ü
    hosts: ["*.", 'it''s', *]
`
	want := `policy.yaml:7:9: not YAML: a host that begins with "*" needs quotes
policy.yaml:9:10: not YAML: a host that begins with "*" needs quotes
policy.yaml:11:28: not YAML: a host that begins with "*" needs quotes`
	_, err := document.Parse("policy.yaml", []byte(text))
	if err == nil || err.Error() != want {
		t.Errorf("Parse = %v, want\n%s", err, want)
	}
	_, err = document.Parse("policy.yaml", []byte("version: 1\nrules: [{name: a, hosts: [*wiki]}]"))
	if want := `policy.yaml:2:27: not YAML: a host that begins with "*" needs quotes`; err == nil || err.Error() != want {
		t.Errorf("Parse = %v, want %s", err, want)
	}
}

func TestParseNamesThePlaceOfASyntaxError(t *testing.T) {
	for text, want := range map[string]string{
		"version: 1\nrules:\n\t- name: a":                           "p:3:1: not YAML: a tab, where only spaces indent",
		"version: 1\nrules:\n  - name: a\n   hosts: [a.com]\n":      "p:4:4: not YAML: neither an entry \"- \" of the list of line 3 nor less indented",
		"version: 1\nrules:\n  - name: 'a\n    hosts: [a.com]\n":    "p:5:1: not YAML: the file ends inside the quoted text of line 3; close it",
		"version: 1\nrules:\n  - name: a\n    hosts: [a.com\n\n":    "p:6:1: not YAML: the list [ ] of line 4 is not closed; write ] or a comma before this",
		"version: 1\nrules:\n  - name: a: b\n    hosts: [a.com]\n":  `p:3:12: not YAML: a second ": " in one line; quote the text`,
		"version: 1\nrules: [{name: a, hosts: [a.com]}]\n}\nx: y\n": "p:3:1: not YAML",
	} {
		_, err := document.Parse("p", []byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("Parse(%q) = %v, want %s", text, err, want)
		}
	}
}
