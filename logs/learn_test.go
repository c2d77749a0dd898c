package logs

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/net/publicsuffix"

	"wildcard-egress/accesslog"
	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/document"
)

func learn(t *testing.T, o LearnOptions, text string) Learned {
	t.Helper()
	l := NewLearner(o)
	var tally Tally
	if err := Scan(strings.NewReader(text), "log", &tally, l.Add); err != nil {
		t.Fatal(err)
	}
	learned, err := l.Learn()
	if err != nil {
		t.Fatal(err)
	}
	return learned
}

// hosts of all rules, as "RULE HOST".
func (learned Learned) hosts() (hosts []string) {
	for _, r := range learned.Rules {
		for _, h := range r.Hosts {
			hosts = append(hosts, r.Name+" "+h.Host)
		}
	}
	return hosts
}

func passed(caller, name string, more ...string) string {
	return lineOf(append([]string{"principal", caller, "server_name", name, "decision", "allow", "upstream_remote_address", "192.0.2.1:443"}, more...)...)
}

// Whoever calls writes the log: each of these is a way to have a line of a policy
// written by asking for something.
func TestLearnIsFenced(t *testing.T) {
	twice := func(line string) string { return line + line }
	deny := func(name string) string {
		return lineOf("principal", web, "server_name", name, "decision", "deny", "reason", "denied_by_rule", "rule", "never")
	}
	var below, data strings.Builder
	for i := range 12 {
		below.WriteString(twice(refusal(web, fmt.Sprintf("h%d.example.com", i), "no_rule")))
		data.WriteString(twice(refusal(web, fmt.Sprintf("%033d.example.com", i), "no_rule")))
	}
	fence := LearnOptions{Least: 2, WildcardAt: 10}
	for name, tt := range map[string]struct {
		options LearnOptions
		log     string
		want    string
	}{
		"asked for often enough":         {fence, twice(refusal(web, "a.example.com", "no_rule")), "learned-shop-web a.example.com"},
		"asked for once":                 {fence, refusal(web, "a.example.com", "no_rule"), ""},
		"by two callers once":            {fence, refusal(web, "a.example.com", "no_rule") + refusal(batch, "a.example.com", "no_rule"), ""},
		"passed by the shadow default":   {fence, twice(passed(web, "a.example.com", "shadow_decision", "deny")), "learned-shop-web a.example.com"},
		"allowed by a rule":              {fence, twice(passed(web, "a.example.com", "rule", "a")), ""},
		"allowed, and all is wanted":     {LearnOptions{Least: 2, Allowed: true}, twice(passed(web, "a.example.com", "rule", "a")), "learned-shop-web a.example.com"},
		"denied by a rule":               {fence, twice(deny("a.example.com")), ""},
		"denied by a rule since":         {fence, twice(refusal(web, "a.example.com", "no_rule")) + deny("a.example.com"), ""},
		"a shadow rule would deny":       {fence, twice(passed(web, "a.example.com", "shadow_decision", "deny", "shadow_rule", "never")), ""},
		"over a limit in shadow mode":    {fence, twice(passed(web, "a.example.com", "shadow_decision", "deny", "shadow_reason", "too_many_names")), ""},
		"over a limit":                   {fence, twice(refusal(web, "a.example.com", "too_many_names")), ""},
		"revoked":                        {LearnOptions{Least: 1, Allowed: true}, passed(web, "a.example.com", "reason", "revoked"), ""},
		"no policy was there":            {fence, twice(refusal(web, "a.example.com", "no_policy")), ""},
		"ECH":                            {fence, twice(refusal(web, "a.example.com", "ech_refused")), ""},
		"no host name":                   {fence, twice(refusal(web, `a\x00.example.com`, "invalid_server_name")), ""},
		"no host name, and a wrong word": {fence, twice(refusal(web, "*.example.com", "no_rule")), ""},
		"an address":                     {fence, twice(refusal(web, "192.0.2.1", "no_rule")), ""},
		"a number":                       {fence, twice(refusal(web, "0x7f000001", "no_rule")), ""},
		"YAML in a name":                 {fence, twice(refusal(web, "a.com\"\n  - name: all", "no_rule")), ""},
		"no dot":                         {fence, twice(refusal(web, "localhost", "no_rule")), ""},
		"an unknown caller":              {fence, twice(refusal("", "a.example.com", "no_rule")), ""},
		"an unknown caller is wanted":    {LearnOptions{Least: 2, UnknownCallers: true}, twice(refusal("", "a.example.com", "no_rule")), "learned-everybody a.example.com"},
		"a caller that is a glob":        {fence, twice(refusal("spiffe://cluster.local/ns/*/sa/*", "a.example.com", "no_rule")), ""},
		"a caller that is no SPIFFE ID":  {fence, twice(refusal("https://cluster.local/ns/a", "a.example.com", "no_rule")), ""},
		"a name that is not in DNS": {fence, twice(lineOf("principal", web, "server_name", "a.example.com", "decision", "allow",
			"shadow_decision", "deny", "reason", "dns_no_such_name")), ""},
		"many below one domain":           {fence, below.String(), "learned-shop-web *.example.com"},
		"many, and wildcards are off":     {LearnOptions{Least: 2}, below.String()[:len(below.String())/12], "learned-shop-web h0.example.com"},
		"many, and one is denied":         {fence, below.String() + deny("h99.example.com"), "12 hosts"},
		"many that may carry data":        {fence, data.String(), "12 hosts"},
		"many below a public suffix":      {fence, strings.ReplaceAll(below.String(), "example.com", "co.uk"), "12 hosts"},
		"many below a suffix that is let": {fence, strings.ReplaceAll(below.String(), "example.com", "s3.eu-west-1.amazonaws.com"), "12 hosts"},
		"many below a front of others":    {fence, strings.ReplaceAll(below.String(), "example.com", "cloudfront.net"), "12 hosts"},
		"many below names for addresses":  {fence, strings.ReplaceAll(below.String(), "example.com", "nip.io"), "12 hosts"},
		"many below no registered domain": {fence, strings.ReplaceAll(below.String(), "example.com", "internal"), "12 hosts"},
	} {
		t.Run(name, func(t *testing.T) {
			learned := learn(t, tt.options, tt.log)
			got := strings.Join(learned.hosts(), ", ")
			if n := len(learned.hosts()); n > 2 {
				got = fmt.Sprintf("%d hosts", n)
			}
			if got != tt.want {
				t.Errorf("learned %q, want %q:\n%s", got, tt.want, learned.Policy)
			}
			if got == "" && learned.Policy != "" {
				t.Errorf("a policy of nothing:\n%s", learned.Policy)
			}
		})
	}
}

func TestLearnGoesByThePolicyInForce(t *testing.T) {
	const text = `{version: 1, rules: [{name: learned-shop-web, hosts: [a.example.com]}, {name: never, action: deny, hosts: [b.example.com]},
 {name: soon, action: deny, mode: shadow, hosts: [c.example.com]}]}` + "\n"
	d, err := document.Parse("policy.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var log string
	for _, name := range []string{"a", "b", "c", "d"} {
		log += refusal(web, name+".example.com", "no_rule")
	}
	learned := learn(t, LearnOptions{Least: 1, Policy: d}, log)
	if got := strings.Join(learned.hosts(), ", "); got != "learned-shop-web-2 d.example.com" {
		t.Errorf("learned %q:\n%s", got, learned.Policy)
	}
}

// A wildcard is not learned over a name that a deny rule of the policy has, though
// nobody has asked for it yet.
func TestLearnKeepsWildcardsOffDenyRules(t *testing.T) {
	var log strings.Builder
	for i := range 12 {
		log.WriteString(refusal(web, fmt.Sprintf("h%d.sub.example.com", i), "no_rule"))
	}
	for host, want := range map[string]int{
		"upload.sub.example.com": 12, "'*.a.sub.example.com'": 12, "'up*.sub.example.com'": 12,
		"upload.example.com": 1, "'*.example.org'": 1,
	} {
		d, err := document.Parse("policy.yaml", fmt.Appendf(nil, "{version: 1, rules: [{name: never, action: deny, hosts: [%s]}]}\n", host))
		if err != nil {
			t.Fatal(err)
		}
		learned := learn(t, LearnOptions{Least: 1, WildcardAt: 10, Policy: d}, log.String())
		if got := len(learned.hosts()); got != want {
			t.Errorf("beside a rule that denies %s: %d hosts, want %d:\n%s", host, got, want, learned.Policy)
		}
	}
}

func TestLearnKeepsPorts(t *testing.T) {
	ask := func(name, outer string) string {
		return lineOf("principal", web, "server_name", name, "decision", "deny", "reason", "no_rule", "requested_server_name", outer)
	}
	learned := learn(t, LearnOptions{Least: 1}, ask("a.example.com", "outbound_.8443_._.x")+ask("a.example.com", portal)+
		ask("b.example.com", "x")+ask("c.example.com", "outbound_.8443_._.x")+ask("d.example.com", portal)+
		ask("e.example.com", "x")+ask("e.example.com", "outbound_.8443_._.x"))
	got := ""
	for _, r := range learned.Rules {
		for _, h := range r.Hosts {
			got += fmt.Sprintf("%s %v %s\n", r.Name, r.Ports, h.Host)
		}
	}
	want := "learned-shop-web [443 8443] a.example.com\nlearned-shop-web [443 8443] e.example.com\nlearned-shop-web-2 [8443] c.example.com\nlearned-shop-web-3 [] b.example.com\nlearned-shop-web-3 [] d.example.com\n"
	if got != want {
		t.Errorf("rules:\n%s\nwant:\n%s", got, want)
	}
}

// randomLog is what callers may write, good and bad.
func randomLog(random *rand.Rand) string {
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	var b strings.Builder
	denies := random.IntN(3) == 0 // what is denied keeps wildcards away
	for range 1 + random.IntN(400) {
		name := fmt.Sprintf("%s%d.%s", pick("a", "b", "h", "x.y", strings.Repeat("d", 30)), random.IntN(20),
			pick("example.com", "sub.example.com", "example.co.uk", "co.uk", "github.io", "s3.amazonaws.com", "internal", "cloudfront.net", "7"))
		caller := pick(web, batch, "spiffe://cluster.local/ns/ci/sa/run", "", "spiffe://cluster.local/ns/*/sa/x")
		outer := pick(portal, "outbound_.8443_._.x", "none")
		switch what := random.IntN(6); {
		case what == 0 && denies:
			b.WriteString(lineOf("principal", caller, "server_name", name, "decision", "deny", "reason", "denied_by_rule", "rule", "never"))
		case what == 1:
			b.WriteString(passed(caller, name, "shadow_decision", "deny"))
		case what == 2:
			b.WriteString(passed(caller, name, "rule", "some", "reason", pick("", "", "dns_no_such_name", map[bool]string{true: "revoked"}[denies])))
		default:
			b.WriteString(lineOf("principal", caller, "server_name", name, "decision", "deny",
				"reason", pick("no_rule", "no_rule", "no_rule", "too_many_names"), "requested_server_name", outer))
		}
	}
	return b.String()
}

// Under what was learned, the log it was learned from has nothing denied that
// passes the fences, nothing allowed that was denied on purpose or has no caller, and
// no wildcard that reaches others' names.
func TestWhatIsLearnedFitsTheLog(t *testing.T) {
	wildcards, hosts := 0, 0
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		text := randomLog(random)
		o := LearnOptions{Least: 1 + random.IntN(3), WildcardAt: []int{0, 2, 5}[random.IntN(3)], Allowed: random.IntN(2) == 0}
		learned := learn(t, o, text)
		compiled := &policy.Policy{}
		if learned.Policy != "" {
			d, err := document.Parse("learned.yaml", []byte(learned.Policy))
			if err != nil || !d.EndMark {
				t.Fatalf("seed %d: %v:\n%s", seed, err, learned.Policy)
			}
			compiled = policy.Compile(d)
		}
		counts, denied, dead := map[policy.Request]int{}, map[[2]string]bool{}, map[policy.Request]bool{}
		var tally Tally
		each := func(e *accesslog.Entry) {
			r := policy.Request{ServerName: e.ServerName, Principal: e.Principal, Port: PortOf(e)}
			switch {
			case e.Reason == "denied_by_rule" || e.Reason == "revoked":
				denied[[2]string{r.Principal, r.ServerName}] = true
			case e.Reason == "no_rule" || e.Decision == "allow" && (o.Allowed || e.ShadowDecision == "deny"):
				counts[r]++
				alive := e.Reason != "dns_no_such_name"
				dead[r] = !alive && (counts[r] == 1 || dead[r])
			}
		}
		if err := Scan(strings.NewReader(text), "log", &tally, each); err != nil {
			t.Fatal(err)
		}
		for r, count := range counts {
			fenced := count < o.Least || dead[r] || denied[[2]string{r.Principal, r.ServerName}] || r.Principal == "" ||
				strings.Contains(r.Principal, "*") || strings.HasSuffix(r.ServerName, ".7")
			if !fenced && compiled.Decide(r).Action != policy.Allow {
				t.Fatalf("seed %d: %+v with %d is denied by:\n%s", seed, r, count, learned.Policy)
			}
			if r.Principal == "" && compiled.Decide(r).Action == policy.Allow {
				t.Fatalf("seed %d: %+v is open to all by:\n%s", seed, r, learned.Policy)
			}
		}
		for r := range denied {
			if compiled.Decide(policy.Request{Principal: r[0], ServerName: r[1]}).Action == policy.Allow {
				t.Fatalf("seed %d: %v was denied on purpose, and is allowed by:\n%s", seed, r, learned.Policy)
			}
		}
		for _, host := range learned.hosts() {
			hosts++
			_, domain, ok := strings.Cut(host, "*.")
			if !ok {
				continue
			}
			wildcards++
			if registrable, err := publicsuffix.EffectiveTLDPlusOne("x." + domain); err != nil || strings.HasPrefix(registrable, "x.") {
				t.Fatalf("seed %d: %q is open to strangers", seed, host)
			}
		}
	}
	if wildcards < 60 || hosts < 800 {
		t.Errorf("only %d wildcards of %d hosts were learned: the property was not tried", wildcards, hosts)
	}
}

func TestLearnFailsWhenItCannotRememberWhatIsDenied(t *testing.T) {
	l := NewLearner(LearnOptions{Least: 1})
	e := accesslog.Entry{Principal: web, Decision: accesslog.Deny, Reason: "denied_by_rule"}
	for i := range maxClosed + 2 {
		e.ServerName = fmt.Sprintf("h%d.example.com", i)
		l.Add(&e)
	}
	if _, err := l.Learn(); err == nil || !strings.Contains(err.Error(), "--policy") {
		t.Errorf("error %v", err)
	}
	if len(l.denied)+len(l.closed) > maxClosed+10 {
		t.Errorf("%d names and %d domains are remembered", len(l.denied), len(l.closed))
	}
}
