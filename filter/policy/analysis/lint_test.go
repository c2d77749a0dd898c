package analysis_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

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
		"a rule that is counted with others":  {rules: []string{"{name: other, hosts: [a.example.com]}"}, want: []string{"metric_name rules[0]"}},
		"private public suffix":               {rules: []string{"{name: a, hosts: ['*.s3.amazonaws.com']}"}, want: []string{"public_suffix rules[0].hosts[0]"}},
		"every child is a public suffix":      {rules: []string{"{name: a, hosts: ['*.ck']}"}, want: []string{"public_suffix rules[0].hosts[0]"}},
		"single label":                        {rules: []string{"{name: a, hosts: [localhost]}"}, want: []string{"single_label rules[0].hosts[0]"}},
		"name at a CDN":                       {rules: []string{"{name: a, hosts: [x.com, d1.cloudfront.net]}"}, want: []string{"shared_host rules[0].hosts[1]"}},
		"names for any address":               {rules: []string{"{name: a, hosts: ['*.nip.io']}"}, want: []string{"shared_host rules[0].hosts[0]"}},
		"ECH public name":                     {rules: []string{"{name: a, hosts: [cloudflare-ech.com]}"}, want: []string{"shared_host rules[0].hosts[0]"}},
		"wildcard over shared storage":        {rules: []string{"{name: a, hosts: ['*.amazonaws.com']}"}, want: []string{"shared_host rules[0].hosts[0]"}},
		"glob that matches shared storage":    {rules: []string{"{name: a, hosts: ['s?.amazonaws.com']}"}, want: []string{"shared_host rules[0].hosts[0]"}},
		"denied altogether":                   {rules: []string{"{name: a, hosts: [a.x.com]}", "{name: b, action: deny, hosts: ['*.x.com']}"}, want: []string{"never_decides rules[0]"}},
		"denied by a glob":                    {rules: []string{"{name: a, hosts: [a.x.com]}", "{name: b, action: deny, hosts: ['a*.x.com']}"}, want: []string{"never_decides rules[0]"}},
		"denied in one host":                  {rules: []string{"{name: a, hosts: [a.x.com, a.y.com]}", "{name: b, action: deny, hosts: ['*.x.com']}"}, want: []string{"never_decides rules[0].hosts[0]"}},
		"denied for one principal":            {rules: []string{"{name: a, hosts: [a.x.com]}", "{name: b, action: deny, hosts: ['*.x.com'], principals: ['" + someone + "']}"}},
		"denied for one port of two":          {rules: []string{"{name: a, hosts: [a.x.com], ports: [443, 81]}", "{name: b, action: deny, hosts: ['*.x.com'], ports: [81]}"}},
		"denied in shadow mode":               {rules: []string{"{name: a, hosts: [a.x.com]}", "{name: b, action: deny, mode: shadow, hosts: ['*.x.com']}"}},
		"allowed by a wider rule":             {rules: []string{"{name: a, hosts: ['*.x.com']}", "{name: b, hosts: [a.x.com, '*.b.x.com', 'c*.x.com']}"}, want: []string{"never_decides rules[1]"}},
		"allowed by a wider principal":        {rules: []string{"{name: a, hosts: [a.x.com], principals: ['spiffe://cluster.local/ns/a/**']}", "{name: b, hosts: [a.x.com], principals: ['" + someone + "']}"}, want: []string{"never_decides rules[1]"}},
		"apex is not below the wildcard":      {rules: []string{"{name: a, hosts: ['*.x.com']}", "{name: b, hosts: [x.com]}"}},
		"exception from a deny is not there":  {rules: []string{"{name: a, action: deny, hosts: ['*.x.com']}", "{name: b, action: deny, hosts: [y.com]}"}},
		"same rule twice, the later one":      {rules: []string{"{name: a, hosts: [x.com]}", "{name: b, hosts: [x.com]}"}, want: []string{"never_decides rules[1]"}},
		"other first port is another outcome": {rules: []string{"{name: a, hosts: ['*.x.com'], ports: [443, 81]}", "{name: b, hosts: [a.x.com], ports: [81]}"}},
		"other on_revoke is another outcome":  {rules: []string{"{name: a, hosts: ['*.x.com']}", "{name: b, hosts: [a.x.com], on_revoke: close}"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := reference.Parse(t, "version: 1\nrules:\n- "+strings.Join(tt.rules, "\n- "))
			var got []string
			for _, f := range analysis.Lint(d, analysis.LintOptions{}) {
				got = append(got, f.Check+" "+f.Path)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("findings: got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// What is open counts, not how it is written.
func TestLintGoesByWhatIsOpen(t *testing.T) {
	for host, want := range map[string]string{
		"'*.s3.us-east-1.amazonaws.com'":            `anybody can register a name under the public suffix "s3.us-east-1.amazonaws.com"`,
		"'*.s3.us-east-?.amazonaws.com'":            `anybody can register a name under the public suffix "s3.us-east-1.amazonaws.com"`,
		"'*.s3.us-east-[1-1].amazonaws.com'":        `under the public suffix "s3.us-east-1.amazonaws.com"`,
		"'*.s3.*.amazonaws.com'":                    `anybody can register a name under the public suffix "s3.us-east-1.amazonaws.com"`,
		"'*.{s3,s4}.us-east-1.amazonaws.com'":       `under the public suffix "s3.us-east-1.amazonaws.com"`,
		"'*.execute-api.*.amazonaws.com'":           `under the public suffix "execute-api.`,
		"'mycorp-*.s3.us-east-1.amazonaws.com'":     `anybody can register such a name, "mycorp-x.s3.us-east-1.amazonaws.com" say`,
		"'mycorp-*.s3.us-east-[1-1].amazonaws.com'": `under the public suffix "s3.us-east-1.amazonaws.com"`,
		"'prod*.blob.core.windows.net'":             `under the public suffix "blob.core.windows.net"`,
		"'*.bl?b.core.windows.net'":                 `under the public suffix "blob.core.windows.net"`,
		"'**-x.github.io'":                          `under the public suffix "github.io"`,
		"s3.eu-west-1.amazonaws.com":                `is shared hosting or storage`,
		"s3-us-west-2.amazonaws.com":                `is shared hosting or storage`,
		"'s3.*.amazonaws.com'":                      `is shared hosting or storage`,
		"'s[3-3].eu-west-1.amazonaws.com'":          `is shared hosting or storage`,
		"mybucket.s3.us-east-1.amazonaws.com":       "",
		"'mybucket.s3.*.amazonaws.com'":             "",
		"'*.oss-cn-hangzhou.aliyuncs.com'":          `is shared hosting or storage`,
		"'**.cos.ap-*.myqcloud.com'":                `is shared hosting or storage`,
		"'my-*.oss-cn-hangzhou.aliyuncs.com'":       `is shared hosting or storage`,
		"mybucket.oss-cn-hangzhou.aliyuncs.com":     "",
		"'*.lambda-url.eu-west-1.on.aws'":           `under the public suffix "lambda-url.eu-west-1.on.aws"`,
		"'*.on.aws'":                                `is shared hosting or storage`,
		"'*.t?ble.core.windows.net'":                `is shared hosting or storage`,
		"'*.windows.net'":                           `is shared hosting or storage`,
		"'ec2.*.amazonaws.com'":                     "",
		"'*.mybucket.s3.us-east-1.amazonaws.com'":   "",
		"'api-*.example.com'":                       "",
	} {
		var got string
		for _, f := range analysis.Lint(reference.Parse(t, "version: 1\nrules: [{name: a, hosts: ["+host+"]}]"), analysis.LintOptions{}) {
			got += f.Message
		}
		if !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
	}
}

func TestLintOfRules(t *testing.T) {
	const two = "{version: 1, rules: [{name: a, hosts: [%s]}, {name: b, %s}]}"
	for name, tt := range map[string]struct {
		policy  string
		options analysis.LintOptions
		want    []string // parts of "check path message"
	}{
		"shadow default": {
			policy: "version: 1\ndefaults:\n  mode: shadow\nrules: [{name: a, hosts: [a.com]}]",
			want:   []string{"shadow_default defaults.mode everything passes"},
		},
		"one star for two segments": {
			policy: fmt.Sprintf(two, "a.com", "action: deny, hosts: [b.com], principals: ['spiffe://cluster.local/ns/ci/*']"),
			want:   []string{`no_workload rules[1].principals[0] "spiffe://cluster.local/ns/ci/*": matches no workload`},
		},
		"no namespace":           {policy: fmt.Sprintf(two, "a.com", "hosts: [b.com], principals: ['spiffe://cluster.local/sa/x']"), want: []string{"no_workload"}},
		"trust domain alone":     {policy: fmt.Sprintf(two, "a.com", "hosts: [b.com], principals: ['spiffe://cluster.local']"), want: []string{"no_workload"}},
		"one star for the path":  {policy: fmt.Sprintf(two, "a.com", "hosts: [b.com], principals: ['spiffe://cluster.local/*']"), want: []string{"no_workload"}},
		"capital letters":        {policy: fmt.Sprintf(two, "a.com", "hosts: [b.com], principals: ['spiffe://cluster.local/ns/Web/sa/x']"), want: []string{"no_workload"}},
		"all of a namespace":     {policy: fmt.Sprintf(two, "a.com", "hosts: [b.com], principals: ['spiffe://cluster.local/ns/ci/**', 'spiffe://*/ns/*/sa/b*', 'spiffe://cluster.local/ns/{a,b}/sa/x']")},
		"identities of others":   {policy: fmt.Sprintf(two, "a.com", "hosts: [b.com], principals: ['spiffe://example.org/service/web', 'spiffe://example.org/host/*']")},
		"callers that are known": {policy: fmt.Sprintf(two, "a.com", "hosts: [b.com], principals: ['spiffe://cluster.local/ns/a/sa/b']")},
		"callers that are not": {
			policy: fmt.Sprintf(two, "a.com", "hosts: [b.com], principals: ['spiffe://cluster.local/ns/a/sa/b']"), options: analysis.LintOptions{NoClientCertificates: true},
			want: []string{`unknown_callers rules[1] rule "b" is for certain principals, but without client certificates every caller is unknown, so this rule allows nobody`},
		},
		"deny among allowed names": {
			policy: fmt.Sprintf(two, "'*.a.com'", "action: deny, hosts: [b.a.com]"),
			want:   []string{`connection_reuse rules[1].hosts[0] "b.a.com": rule "a" allows other names of "*.a.com"`},
		},
		"deny by a glob among allowed names": {policy: fmt.Sprintf(two, "'*.a.com'", "action: deny, hosts: ['*b*.a.com']"), want: []string{"connection_reuse"}},
		"deny across allowed names":          {policy: fmt.Sprintf(two, "'x*.a.com'", "action: deny, hosts: ['*y.a.com']"), want: []string{"connection_reuse"}},
		"deny of more than is allowed":       {policy: fmt.Sprintf(two, "b.a.com, c.com", "action: deny, hosts: ['*.a.com']"), want: []string{"never_decides rules[0].hosts[0]"}},
		"deny on another port":               {policy: fmt.Sprintf(two, "'*.a.com'", "action: deny, hosts: [b.a.com], ports: [8443]")},
		"deny in shadow mode":                {policy: fmt.Sprintf(two, "'*.a.com'", "action: deny, mode: shadow, hosts: [b.a.com]")},
		"ports that are not TLS": {
			policy: fmt.Sprintf(two, "a.com", "hosts: [b.com], ports: [443, 80, 5432]"),
			want:   []string{`port_not_tls rules[1] rule "b" has port 80: clients of HTTP`, `port_not_tls rules[1] rule "b" has port 5432: clients of Postgres`},
		},
		"both causes, the deny first": {
			policy: "{version: 1, rules: [{name: a, hosts: [x.a.com]}, {name: b, hosts: ['*.a.com']}, {name: c, action: deny, hosts: ['*.a.com']}]}",
			want:   []string{`never_decides rules[0] rule "a" never decides: rule "c" ("*.a.com") denies it`, `never_decides rules[1] rule "b" never decides: rule "c"`},
		},
		"a cause for each host": {
			policy: "{version: 1, rules: [{name: a, hosts: [x.a.com, x.b.com]}, {name: b, hosts: ['*.a.com']}, {name: c, action: deny, hosts: ['*.b.com']}]}",
			want:   []string{`rule "a" never decides: rule "b" ("*.a.com") also allows it and rule "c" ("*.b.com") denies it`},
		},
		"covered by a glob of another form": {
			policy: fmt.Sprintf(two, "'[ab]*.x.com'", "hosts: ['a?.x.com']"),
			want:   []string{`never_decides rules[1] rule "b" never decides: rule "a" ("[ab]*.x.com") also allows it`},
		},
		"fields behind hosts": {
			policy: "version: 1\nrules:\n- name: a\n  hosts: [a.com]\n  action: deny\n  principals: ['spiffe://a/b']\n- name: b\n  ports: [8443]\n  hosts: [b.com]\n",
			want:   []string{`key_order rules[0] rule "a" has action and principals behind hosts`},
		},
		"fields behind hosts, with the end mark": {policy: "version: 1\nrules:\n- name: a\n  hosts: [a.com]\n  action: deny\n...\n"},
		"Cyrillic among Latin":                   {policy: fmt.Sprintf(two, "p\u0430ypal.com", "hosts: [b.com]"), want: []string{`look_alike rules[0].hosts[0] "xn--pypal-4ve.com": label "xn--pypal-4ve" is "p\u0430ypal", with U+0430 CYRILLIC SMALL LETTER A, which looks like "a"`}},
		"Cyrillic alone that looks Latin":        {policy: fmt.Sprintf(two, "\u0430\u0440\u0440\u04cf\u0435.com", "hosts: [b.com]"), want: []string{"U+04CF CYRILLIC SMALL LETTER PALOCHKA"}},
		"Greek omicron":                          {policy: fmt.Sprintf(two, "g\u03bfogle.com", "hosts: [b.com]"), want: []string{"U+03BF GREEK SMALL LETTER OMICRON"}},
		"dotless i in an A-label":                {policy: fmt.Sprintf(two, "xn--twtter-q9a.com", "hosts: [b.com]")},
		"words of other languages":               {policy: fmt.Sprintf(two, "münchen.de, пример.рф, παράδειγμα.gr, 例え.jp, łódź.pl", "hosts: [b.com]")},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, f := range analysis.Lint(reference.Parse(t, tt.policy), tt.options) {
				got = append(got, f.Check+" "+f.Path+" "+f.Message)
			}
			if !slices.EqualFunc(got, tt.want, strings.Contains) {
				t.Errorf("findings %q, want %q", got, tt.want)
			}
		})
	}
}

// What lint says never decides changes no decision when it is taken out.
func TestLintFindsWhatChangesNothing(t *testing.T) {
	removed := 0
	for seed := range uint64(60) {
		f := reference.Random(rand.New(rand.NewPCG(seed, 9)))
		d := reference.Parse(t, f.Text(t))
		for _, finding := range analysis.Lint(d, analysis.LintOptions{}) {
			var rule, host int
			n, _ := fmt.Sscanf(finding.Path, "rules[%d].hosts[%d]", &rule, &host)
			if finding.Check != analysis.CheckNeverDecides || len(f.Rules) == 1 {
				continue
			}
			without := *d
			without.Rules = slices.Clone(d.Rules)
			if n == 2 {
				without.Rules[rule].Hosts = slices.Delete(slices.Clone(d.Rules[rule].Hosts), host, host+1)
			} else {
				without.Rules = slices.Delete(without.Rules, rule, rule+1)
			}
			removed++
			changes := analysis.Compare(d, &without, analysis.Options{}).Changes
			changes = slices.DeleteFunc(changes, func(c analysis.Change) bool { return c.Old.Action == c.New.Action && c.Old.Port == c.New.Port })
			if len(changes) > 0 {
				t.Errorf("seed %d: without it, decisions change: %v: %q", seed, finding, lines(analysis.Comparison{Changes: changes}))
			}
		}
	}
	if removed < 10 {
		t.Errorf("only %d rules and hosts were taken out: too few to tell", removed)
	}
}

func TestLintSaysWhereAndWhy(t *testing.T) {
	d := reference.Parse(t, "version: 1\nrules:\n- name: a\n  hosts: [b.com, '*.com']\n- {name: b, action: deny, hosts: [b.com]}\n")
	want := `policy.yaml:4:11: rules[0].hosts[0]: "b.com": never decides: rule "b" ("b.com") denies it; remove one of them
policy.yaml:4:18: rules[0].hosts[1]: "*.com": anybody can register a name under the public suffix "com"; list the domains instead
policy.yaml:5:35: rules[1].hosts[0]: "b.com": rule "a" allows other names of "*.com": an HTTP/2 client may send requests for this one over a connection to such a name, if one certificate and address serve both`
	var got []string
	for _, f := range analysis.Lint(d, analysis.LintOptions{}) {
		got = append(got, f.Error())
	}
	if got := strings.Join(got, "\n"); got != want {
		t.Errorf("findings: got\n%s\nwant\n%s", got, want)
	}
}

func TestLintSaysThatItDidNotFinish(t *testing.T) {
	d := reference.Parse(t, "version: 1\nrules:\n- {name: a, hosts: [b.com]}\n- {name: b, hosts: [c.com]}\n")
	findings := analysis.Lint(d, analysis.LintOptions{Limit: time.Nanosecond})
	if len(findings) != 1 || findings[0].Check != analysis.CheckNotFinished || findings[0].Line != 3 {
		t.Errorf("findings %+v, want %s of the first rule alone", findings, analysis.CheckNotFinished)
	}
}
