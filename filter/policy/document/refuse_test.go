package document_test

import (
	"strings"
	"testing"

	"wildcard-egress/filter/policy/document"
)

func TestParseRefusesWhatIsNoPolicy(t *testing.T) {
	rule := func(fields string) string { return "version: 1\nrules: [{" + fields + "}]" }
	for name, tt := range map[string]struct{ text, want string }{
		"empty file":            {"", `p:1:1: empty; a file starts with "version: 1"`},
		"comments only":         {"# nothing\n", `p:1:1: empty; a file starts with "version: 1"`},
		"list":                  {"- a", "p:1:1: a list where fields are wanted"},
		"no version":            {"rules: [{name: a, hosts: [a.com]}]", `p:1:1: no version; the file starts with "version: 1"`},
		"no rules":              {"version: 1", "p:1:1: no rules"},
		"empty rules":           {"version: 1\nrules: []", "p:2:8: rules: empty list"},
		"null rules":            {"version: 1\nrules:", "rules: nothing where a list is wanted"},
		"empty hosts":           {rule("name: a, hosts: []"), "rules[0].hosts: empty list"},
		"empty principals":      {rule("name: a, hosts: [a.com], principals: []"), "rules[0].principals: empty list"},
		"empty ports":           {rule("name: a, hosts: [a.com], ports: []"), "rules[0].ports: empty list"},
		"no name":               {rule("hosts: [a.com]"), "rules[0]: no name; a rule needs one"},
		"empty name":            {rule(`name: "", hosts: [a.com]`), `rules[0].name: ""`},
		"name over 64":          {rule("name: a" + label63 + "b, hosts: [a.com]"), "64 at most"},
		"name is a number":      {rule("name: 7, hosts: [a.com]"), "rules[0].name: 7 where text is wanted"},
		"no hosts":              {rule("name: a"), "rules[0]: no hosts; a rule needs one"},
		"host is null":          {rule("name: a, hosts: [null]"), "rules[0].hosts[0]: nothing where text is wanted"},
		"bad action":            {rule("name: a, hosts: [a.com], action: drop"), `"drop" where one of allow, deny is wanted`},
		"bad mode":              {rule("name: a, hosts: [a.com], mode: off"), `where one of enforce, shadow is wanted`},
		"principal no domain":   {rule("name: a, hosts: [a.com], principals: ['spiffe:///ns/a']"), "a trust domain is missing"},
		"principal slash last":  {rule("name: a, hosts: [a.com], principals: ['spiffe://a/b/']"), "empty path segment"},
		"principal syntax":      {rule("name: a, hosts: [a.com], principals: ['spiffe://a/{b']"), "malformed glob"},
		"principal characters":  {rule("name: a, hosts: [a.com], principals: ['spiffe://a/b c']"), "character ' ' has no place here"},
		"same principal":        {rule("name: a, hosts: [a.com], principals: ['spiffe://a/b', 'spiffe://a/b']"), "principals[1]: \"spiffe://a/b\": given twice"},
		"timeout too short":     {"version: 1\ndefaults: {client_hello_timeout: 1ms}\nrules: [{name: a, hosts: [a.com]}]", "from 100ms to 5m0s"},
		"same field twice":      {"version: 1\nversion: 1\nrules: [{name: a, hosts: [a.com]}]", "p:2:1: version: field given twice"},
		"two documents":         {"version: 1\n---\nversion: 1\n", "p:3:1: second YAML document"},
		"broken flow":           {"version: 1\nrules: [{name: a\n", "not YAML"},
		"tab indentation":       {"version: 1\nrules:\n\t- name: a", "p:3:1: not YAML"},
		"unquoted star alone":   {"version: 1\nrules: [{name: a, hosts: [*]}]", `needs quotes`},
		"unquoted star in list": {"version: 1\nrules:\n- name: a\n  hosts:\n  - *\n", `needs quotes`},
		"anchor":                {"version: 1\nrules: [{name: &n a, hosts: [a.com]}]", "an anchor (not supported"},
		"merge key":             {"version: 1\n<<: {rules: [{name: a, hosts: [a.com]}]}", "unknown field"},
		"tag":                   {"version: !!int 1\nrules: [{name: a, hosts: [a.com]}]", "a tag (not supported"},
		"not UTF-8":             {"version: 1 # \xff\n", "p:1:14: not UTF-8"},
		"flow bomb":             {"a: " + strings.Repeat("[", 100_000), "more values than a file"},
		"block bomb":            {strings.Repeat("- ", 100_000) + "a", "more values than a file"},
		"key bomb":              {strings.Repeat("? ", 100_000) + "a", "more values than a file"},
		"tag bomb":              {strings.Repeat("!a ", 20_000) + "a", "not YAML"},
		"small flow bomb":       {"a: " + strings.Repeat("[", 20_000), "nested too deeply"},
		"field bomb":            {strings.Repeat("an-unknown-field: 1\n", 100_000), "and 99982 more mistakes are not shown"},
		"dense field bomb":      {strings.Repeat("a: 1\n", 100_000), "more values than a file"},
		"field bomb of lists":   {strings.Repeat("an-unknown-field:\n- b\n", 100_000), "more mistakes are not shown"},
		"field bomb in a rule":  {"rules:\n- a: 1\n" + strings.Repeat("  an-unknown-field:\n  - b\n", 100_000), "more mistakes are not shown"},
		"flow field bomb":       {"{" + strings.Repeat("an-unknown-field: 1, ", 100_000) + "}", "more mistakes are not shown"},
		"document bomb":         {strings.Repeat("---\n", 10_000), `empty; a file starts`},
		"alias bomb":            {"a: &a [x]\nb: &b [*a,*a]\nc: [*b,*b]\n", `unknown field "a"`},
		"too large":             {strings.Repeat("#", 64<<20) + "\n", "larger than 67108864 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := document.Parse("p", []byte(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Parse = %.300v, want an error with %q", err, tt.want)
			}
		})
	}
}
