package policy_test

import (
	"testing"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/document"
	"wildcard-egress/filter/policy/internal/reference"
)

func TestDecide(t *testing.T) {
	allow := func(rule string, port uint16) policy.Decision {
		return policy.Decision{Action: policy.Allow, Rule: rule, Port: port}
	}
	paid := policy.Decision{Action: policy.Allow, Rule: "payments", Port: 443, CloseOnRevoke: true}
	noRule := policy.Decision{Reason: policy.NoRule}
	denied := func(rule string) policy.Decision {
		return policy.Decision{Reason: policy.DeniedByRule, Rule: rule}
	}
	p := reference.Compile(t, reference.Example)
	for name, tt := range map[string]struct {
		request policy.Request
		want    policy.Decision
	}{
		"wildcard matches one label":                    {policy.Request{ServerName: "en.wikipedia.org"}, allow("wikipedia", 443)},
		"wildcard matches several labels":               {policy.Request{ServerName: "a.b.en.wikipedia.org"}, allow("wikipedia", 443)},
		"wildcard does not match its own apex":          {policy.Request{ServerName: "wikipedia.org"}, noRule},
		"suffix without a dot is another domain":        {policy.Request{ServerName: "evilwikipedia.org"}, noRule},
		"domain in the middle is another domain":        {policy.Request{ServerName: "en.wikipedia.org.evil.com"}, noRule},
		"unlisted host is denied":                       {policy.Request{ServerName: "example.com"}, noRule},
		"empty server name is denied":                   {policy.Request{}, noRule},
		"deny beats allow":                              {policy.Request{ServerName: "upload.wikipedia.org"}, denied("no-uploads")},
		"deny without ports is about every port":        {policy.Request{ServerName: "upload.wikipedia.org", Port: 8443}, denied("no-uploads")},
		"deny holds for its principals":                 {policy.Request{ServerName: "members.wikipedia.org", Principal: reference.Guest}, denied("no-guests")},
		"deny leaves other principals":                  {policy.Request{ServerName: "members.wikipedia.org", Principal: reference.Payer}, allow("wikipedia", 443)},
		"deny with principals holds for unknown caller": {policy.Request{ServerName: "members.wikipedia.org"}, denied("no-guests")},
		"deny holds for a principal that can't be one":  {policy.Request{ServerName: "members.wikipedia.org", Principal: reference.Payer + "\x00"}, denied("no-guests")},
		"principal glob matches":                        {policy.Request{ServerName: "api.stripe.com", Principal: reference.Payer}, paid},
		"principal glob stays in its segment":           {policy.Request{ServerName: "api.stripe.com", Principal: reference.Payer + "/x"}, noRule},
		"foreign trust domain is no match":              {policy.Request{ServerName: "api.stripe.com", Principal: "spiffe://evil/ns/payments/sa/api"}, noRule},
		"allow with principals not for unknown caller":  {policy.Request{ServerName: "api.stripe.com"}, noRule},
		"byte that no name has is no end of one":        {policy.Request{ServerName: "api.stripe.com\x00", Principal: reference.Payer}, noRule},
		"glob matches within a label":                   {policy.Request{ServerName: "ec2.eu-west-1.amazonaws.com", Principal: reference.Payer}, paid},
		"glob does not span labels":                     {policy.Request{ServerName: "ec2.a.b.amazonaws.com", Principal: reference.Payer}, noRule},
		"port asked for is the upstream port": {
			policy.Request{ServerName: "a.paypal.com", Principal: reference.Payer, Port: 8443},
			policy.Decision{Action: policy.Allow, Rule: "payments", Port: 8443, CloseOnRevoke: true},
		},
		"port that the rule lacks is no match": {policy.Request{ServerName: "en.wikipedia.org", Port: 8443}, noRule},
		"shadow allow opens nothing": {
			policy.Request{ServerName: "www.example.net"},
			policy.Decision{Reason: policy.NoRule, Shadow: policy.Shadow{Reported: true, Action: policy.Allow, Rule: "trial"}},
		},
		"shadow deny closes nothing": {
			policy.Request{ServerName: "meta.wikipedia.org"},
			policy.Decision{Action: policy.Allow, Rule: "wikipedia", Port: 443, Shadow: policy.Shadow{Reported: true, Rule: "trial-deny"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := p.Decide(tt.request); got != tt.want {
				t.Errorf("Decide(%+v) = %+v, want %+v", tt.request, got, tt.want)
			}
		})
	}
}

func TestDecideNamesMostSpecificRule(t *testing.T) {
	p := reference.Compile(t, `
version: 1
rules:
  - {name: everything, hosts: ["*"]}
  - {name: com, hosts: ["*.com"]}
  - {name: wide, hosts: ["*.example.com"]}
  - {name: deep, hosts: ["*.a.example.com"]}
  - {name: glob, hosts: ["*-x.a.example.com"]}
  - {name: exact, hosts: [b-x.a.example.com]}
  - {name: b-twin, hosts: ["*.twin.com"]}
  - {name: a-twin, hosts: ["*.twin.com"], ports: [8443]}
`)
	for serverName, want := range map[string]string{
		"example.org": "everything", "example.com": "com", "c.example.com": "wide", "a.example.com": "wide",
		"c.a.example.com": "deep", "a-x.a.example.com": "glob", "b-x.a.example.com": "exact", "c.b-x.a.example.com": "deep",
		"www.twin.com": "a-twin", "localhost": "",
	} {
		if got := p.Decide(policy.Request{ServerName: serverName}); got.Rule != want {
			t.Errorf("Decide(%q) is by rule %q, want %q", serverName, got.Rule, want)
		}
	}
	got := p.Decide(policy.Request{ServerName: "www.twin.com", Port: 443})
	if got.Rule != "b-twin" {
		t.Errorf("a rule that lacks the port names the decision: %+v", got)
	}
}

func TestShadowDefault(t *testing.T) {
	p := reference.Compile(t, `
version: 1
defaults: {mode: shadow, on_revoke: close}
rules:
  - {name: known, hosts: [known.example.com], ports: [8443]}
  - {name: evil, hosts: [evil.example.com], action: deny, mode: enforce}
`)
	wouldDeny := policy.Shadow{Reported: true, Action: policy.Deny}
	for name, tt := range map[string]struct {
		request policy.Request
		want    policy.Decision
	}{
		"what no rule allows passes to 443": {
			policy.Request{ServerName: "example.org"},
			policy.Decision{Action: policy.Allow, Port: 443, CloseOnRevoke: true, Shadow: wouldDeny},
		},
		"what no rule allows passes to the port asked for": {
			policy.Request{ServerName: "example.org", Port: 22},
			policy.Decision{Action: policy.Allow, Port: 22, CloseOnRevoke: true, Shadow: wouldDeny},
		},
		"shadow allow rule is reported but does not set the port": {
			policy.Request{ServerName: "known.example.com"},
			policy.Decision{Action: policy.Allow, Port: 443, CloseOnRevoke: true, Shadow: policy.Shadow{Reported: true, Action: policy.Allow, Rule: "known"}},
		},
		"enforced deny still denies": {
			policy.Request{ServerName: "evil.example.com"},
			policy.Decision{Reason: policy.DeniedByRule, Rule: "evil"},
		},
		"no server name never passes": {policy.Request{}, policy.Decision{Reason: policy.NoRule}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := p.Decide(tt.request); got != tt.want {
				t.Errorf("Decide(%+v) = %+v, want %+v", tt.request, got, tt.want)
			}
		})
	}
}

func TestZeroPolicyDenies(t *testing.T) {
	var none *policy.Policy
	var noDocument *document.Document
	for name, p := range map[string]*policy.Policy{
		"nil policy": none, "zero policy": {}, "nil document": policy.Compile(noDocument), "zero document": policy.Compile(&document.Document{}),
	} {
		want := policy.Decision{Reason: policy.NoPolicy}
		if got := p.Decide(policy.Request{ServerName: "example.com", Port: 443}); got != want {
			t.Errorf("%s: Decide = %+v, want %+v", name, got, want)
		}
		if got := p.Settings(); got.ClientHelloTimeout <= 0 || got.MaxClientHelloBytes <= 0 {
			t.Errorf("%s: Settings = %+v, want the built-in values", name, got)
		}
	}
}
