package bootstrap_test

import (
	"regexp"
	"strings"
	"testing"

	"wildcard-egress/bootstrap"
)

func TestReasonsOfRefusalsBecomeATag(t *testing.T) {
	tags := bootstrap.Gateway(config(), "/policy.yaml").GetStatsConfig().GetStatsTags()
	if len(tags) != 1 || tags[0].GetTagName() != "reason" {
		t.Fatalf("tags = %v, want one, reason", tags)
	}
	expression := regexp.MustCompile(tags[0].GetRegex())
	for counter, want := range map[string]string{
		"wildcard_egress.denied.no_rule":                "no_rule",
		"wildcard_egress.denied.client_hello_too_large": "client_hello_too_large",
		"wildcard_egress.allowed":                       "",
		"wildcard_egress.denied":                        "",
		"wildcard_egress.failed.dns_empty":              "dns_empty",
		"cluster.wildcard_egress.denied.no_rule":        "",
	} {
		got := ""
		if groups := expression.FindStringSubmatch(counter); groups != nil {
			got = groups[2]
			if left := strings.TrimSuffix(counter, groups[1]); left != "wildcard_egress.denied" && left != "wildcard_egress.failed" {
				t.Errorf("%s: without %q it is %s", counter, groups[1], left)
			}
		}
		if got != want {
			t.Errorf("%s: reason %q, want %q", counter, got, want)
		}
	}
}
