package analysis_test

import (
	"reflect"
	"strings"
	"testing"

	"wildcard-egress/filter/policy/analysis"
	"wildcard-egress/filter/policy/internal/reference"
)

func TestLint(t *testing.T) {
	const someone = "spiffe://cluster.local/ns/a/sa/b"
	for name, tt := range map[string]struct {
		rules []string
		want  []string // check and path
	}{
		"nothing to say":                      {rules: []string{"{name: a, hosts: ['*.example.com', example.com, 'ec2.*.amazonaws.com']}"}},
		"every host":                          {rules: []string{"{name: a, hosts: ['*']}"}, want: []string{"any_host rules[0].hosts[0]"}},
		"every host in a deny rule":           {rules: []string{"{name: a, action: deny, hosts: ['*', '*.com', cloudflare-ech.com]}"}},
		"top-level domain":                    {rules: []string{"{name: a, hosts: ['*.com']}"}, want: []string{"public_suffix rules[0].hosts[0]"}},
		"public suffix of two labels":         {rules: []string{"{name: a, hosts: ['*.co.uk']}"}, want: []string{"public_suffix rules[0].hosts[0]"}},
		"private public suffix":               {rules: []string{"{name: a, hosts: ['*.s3.amazonaws.com']}"}, want: []string{"public_suffix rules[0].hosts[0]"}},
		"every child is a public suffix":      {rules: []string{"{name: a, hosts: ['*.ck']}"}, want: []string{"public_suffix rules[0].hosts[0]"}},
		"single label":                        {rules: []string{"{name: a, hosts: [localhost]}"}, want: []string{"single_label rules[0].hosts[0]"}},
		"name at a CDN":                       {rules: []string{"{name: a, hosts: [x.com, d1.cloudfront.net]}"}, want: []string{"shared_host rules[0].hosts[1]"}},
		"ECH public name":                     {rules: []string{"{name: a, hosts: [cloudflare-ech.com]}"}, want: []string{"shared_host rules[0].hosts[0]"}},
		"wildcard over shared storage":        {rules: []string{"{name: a, hosts: ['*.amazonaws.com']}"}, want: []string{"shared_host rules[0].hosts[0]"}},
		"glob that matches shared storage":    {rules: []string{"{name: a, hosts: ['s?.amazonaws.com']}"}, want: []string{"shared_host rules[0].hosts[0]"}},
		"denied altogether":                   {rules: []string{"{name: a, hosts: [a.x.com]}", "{name: b, action: deny, hosts: ['*.x.com']}"}, want: []string{"never_decides rules[0]"}},
		"denied by a glob":                    {rules: []string{"{name: a, hosts: [a.x.com]}", "{name: b, action: deny, hosts: ['a*.x.com']}"}, want: []string{"never_decides rules[0]"}},
		"denied in one host":                  {rules: []string{"{name: a, hosts: [a.x.com, a.y.com]}", "{name: b, action: deny, hosts: ['*.x.com']}"}, want: []string{"never_decides rules[0].hosts[0]"}},
		"denied for one principal":            {rules: []string{"{name: a, hosts: [a.x.com]}", "{name: b, action: deny, hosts: ['*.x.com'], principals: ['" + someone + "']}"}},
		"denied for one port of two":          {rules: []string{"{name: a, hosts: [a.x.com], ports: [443, 80]}", "{name: b, action: deny, hosts: ['*.x.com'], ports: [80]}"}},
		"denied in shadow mode":               {rules: []string{"{name: a, hosts: [a.x.com]}", "{name: b, action: deny, mode: shadow, hosts: ['*.x.com']}"}},
		"allowed by a wider rule":             {rules: []string{"{name: a, hosts: ['*.x.com']}", "{name: b, hosts: [a.x.com, '*.b.x.com', 'c*.x.com']}"}, want: []string{"never_decides rules[1]"}},
		"allowed by a wider principal":        {rules: []string{"{name: a, hosts: [a.x.com], principals: ['spiffe://cluster.local/ns/a/**']}", "{name: b, hosts: [a.x.com], principals: ['" + someone + "']}"}, want: []string{"never_decides rules[1]"}},
		"apex is not below the wildcard":      {rules: []string{"{name: a, hosts: ['*.x.com']}", "{name: b, hosts: [x.com]}"}},
		"exception from a deny is not there":  {rules: []string{"{name: a, action: deny, hosts: ['*.x.com']}", "{name: b, action: deny, hosts: [y.com]}"}},
		"same rule twice, the later one":      {rules: []string{"{name: a, hosts: [x.com]}", "{name: b, hosts: [x.com]}"}, want: []string{"never_decides rules[1]"}},
		"other first port is another outcome": {rules: []string{"{name: a, hosts: ['*.x.com'], ports: [443, 80]}", "{name: b, hosts: [a.x.com], ports: [80]}"}},
		"other on_revoke is another outcome":  {rules: []string{"{name: a, hosts: ['*.x.com']}", "{name: b, hosts: [a.x.com], on_revoke: close}"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := reference.Parse(t, "version: 1\nrules:\n- "+strings.Join(tt.rules, "\n- "))
			var got []string
			for _, f := range analysis.Lint(d) {
				got = append(got, f.Check+" "+f.Path)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("findings: got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestLintSaysWhereAndWhy(t *testing.T) {
	d := reference.Parse(t, "version: 1\nrules:\n- name: a\n  hosts: [b.com, '*.com']\n- {name: b, action: deny, hosts: [b.com]}\n")
	want := `policy.yaml:4:11: rules[0].hosts[0]: "b.com": never decides: rule "b" ("b.com") denies it; remove one of them
policy.yaml:4:18: rules[0].hosts[1]: "*.com": anybody can register a name under the public suffix "com"; list the domains instead`
	var got []string
	for _, f := range analysis.Lint(d) {
		got = append(got, f.Error())
	}
	if got := strings.Join(got, "\n"); got != want {
		t.Errorf("findings: got\n%s\nwant\n%s", got, want)
	}
}
