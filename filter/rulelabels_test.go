package filter_test

import (
	"fmt"
	"strings"
	"testing"

	"wildcard-egress/filter"
)

// The first rules that decide keep their names in the metrics; a later one is
// other, whatever it decides, and its name stands in the log all the same.
func TestRulesBeyondTheBoundHaveNoLabelOfTheirOwn(t *testing.T) {
	var rules strings.Builder
	rules.WriteString("version: 1\nrules:\n")
	for i := range filter.MaxRuleLabels + 1 {
		fmt.Fprintf(&rules, "- {name: rule-%d, hosts: [host-%d.test]}\n", i, i)
	}
	e := enforcer(t, rules.String())
	label := func(i int) string {
		var c connection
		feed(e.NewFilter(&c), &c, false, hello(fmt.Sprintf("host-%d.test", i)))
		if want := fmt.Sprintf("rule-%d", i); c.said["rule"] != want {
			t.Fatalf("%s; want it allowed by %s", c.outcome(), want)
		}
		return c.said["rule_label"]
	}
	for i := range filter.MaxRuleLabels {
		if got := label(i); got != "" {
			t.Fatalf("rule %d has the label %q, want its name", i, got)
		}
	}
	if got := label(filter.MaxRuleLabels); got != "other" {
		t.Errorf("the rule beyond the bound has the label %q, want other", got)
	}
	if got := label(0); got != "" {
		t.Errorf("the first rule has the label %q later, want its name", got)
	}
}
