package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"wildcard-egress/filter"
	"wildcard-egress/metrics"
	"wildcard-egress/testenv"
	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/envoys"
	"wildcard-egress/testenv/logs"
)

const (
	connectionsMetric = "envoy_wildcard_egress_connections"
	liveMetric        = "envoy_wildcard_egress_live_connections"
	sentMetric        = "envoy_wildcard_egress_bytes_sent"
)

func ended(rule, decision, reason, mode string) string {
	return fmt.Sprintf("rule=%q,decision=%q,reason=%q,mode=%q", rule, decision, reason, mode)
}

func TestMetricsByRule(t *testing.T) {
	t.Parallel()
	env := testenv.Start(t, testenv.Options{Policy: perWorkload, WithoutSidecar: true,
		Sites: []string{"en.wikipedia.org", "trial.example.com"}})
	conn, err := env.DialDirect(env.App(), "en.wikipedia.org")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := client.Ask(conn); err != nil {
		t.Fatal(err)
	}
	env.WantMetric(t, liveMetric, `rule="everybody"`, 1)
	conn.Close()
	for _, name := range []string{"trial.example.com", "missing.wikipedia.org"} {
		if _, err := env.GetDirect(env.App(), name); err == nil {
			t.Fatalf("%s: a session, want none", name)
		}
	}
	t.Run("count what ended", func(t *testing.T) {
		env.WantMetric(t, connectionsMetric, ended("everybody", "allow", "", "enforce"), 1)
		env.WantMetric(t, connectionsMetric, ended("everybody", "allow", "dns_no_such_name", "enforce"), 1)
		env.WantMetric(t, connectionsMetric, ended("trial-of-a-ban", "deny", "", "shadow"), 1)
		env.WantMetric(t, connectionsMetric, ended("", "deny", "no_rule", "enforce"), 1)
		env.WantMetric(t, connectionsMetric, ended("trial", "allow", "", "shadow"), 1)
	})
	t.Run("measure what reached a site", func(t *testing.T) {
		env.WantMetric(t, liveMetric, `rule="everybody"`, 0)
		for _, name := range []string{sentMetric, "envoy_wildcard_egress_bytes_received", "envoy_wildcard_egress_duration"} {
			env.WantMetric(t, name, `rule="everybody"`, 1)
		}
		env.WantMetric(t, "envoy_wildcard_egress_hello_wait", "", 3)
		all, err := env.Gateway.Metrics()
		if err != nil {
			t.Fatal(err)
		}
		if n, there := all.Value(sentMetric, `rule=""`); there {
			t.Errorf("%v refusals are measured too", n)
		}
	})
	t.Run("know a rule that an edit adds", func(t *testing.T) {
		added := "version: 1\nrules: [{name: new.one_1-a, hosts: ['*.wikipedia.org']}]"
		if err := env.WritePolicy(added); err != nil {
			t.Fatal(err)
		}
		env.WantStat(t, policyLoaded, 2)
		if _, err := env.GetDirect(env.App(), "en.wikipedia.org"); err != nil {
			t.Fatal(err)
		}
		env.WantMetric(t, connectionsMetric, ended("new.one_1-a", "allow", "", "enforce"), 1)
	})
}

// The table is what there is: each metric of ours with its type and labels, in
// both directions.
func TestTheTableOfMetricsIsWhole(t *testing.T) {
	t.Parallel()
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, WithoutSidecar: true})
	if _, err := env.GetDirect(env.App(), "en.wikipedia.org"); err != nil {
		t.Fatal(err)
	}
	env.WantMetric(t, sentMetric, `rule="wikipedia"`, 1)
	env.WantMetric(t, "envoy_wildcard_egress_hello_wait", "", 1)
	all, err := env.Gateway.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, m := range slices.Concat(metrics.ByRule(), metrics.OfGateway(), metrics.OfEnvoy()) {
		known[m.Prometheus()] = true
		wantFamily(t, all, m)
	}
	for name := range all {
		if strings.Contains(name, "envoy_"+metrics.Prefix) && !known[name] {
			t.Errorf("%s is not in the table", name)
		}
	}
}

func wantFamily(t *testing.T, all envoys.Metrics, m metrics.Metric) {
	t.Helper()
	family := all[m.Prometheus()]
	if family == nil {
		t.Errorf("no %s", m.Prometheus())
		return
	}
	if got := family.GetType().String(); got != strings.ToUpper(string(m.Type)) {
		t.Errorf("%s is a %s, want a %s", m.Prometheus(), got, m.Type)
	}
	var labels []string
	for _, pair := range family.GetMetric()[0].GetLabel() {
		labels = append(labels, pair.GetName())
	}
	slices.Sort(labels)
	if want := slices.Sorted(slices.Values(m.Labels)); !slices.Equal(labels, want) {
		t.Errorf("%s has the labels %v, want %v", m.Prometheus(), labels, want)
	}
}

// However many rules a policy has, and whatever its edits call them, the metrics
// name so many.
func TestRulesBeyondTheBoundAreOther(t *testing.T) {
	t.Parallel()
	const beyond = 3
	var policy strings.Builder
	policy.WriteString("version: 1\nrules:\n")
	for i := range filter.MaxRuleLabels + beyond {
		fmt.Fprintf(&policy, "- {name: rule-%d, action: deny, hosts: [host-%d.example.com]}\n", i, i)
	}
	env := testenv.Start(t, testenv.Options{Policy: policy.String(), Plain: true, WithoutSidecar: true})
	failIfAny(t, "connections failed", inParallel(filter.MaxRuleLabels+beyond, 8, func(i int) error {
		_, err := env.GetDirect(client.Outer{}, fmt.Sprintf("host-%d.example.com", i))
		if err == nil {
			return fmt.Errorf("host-%d: a session with a name that is denied", i)
		}
		return nil
	}))
	env.WantMetric(t, connectionsMetric, ended(metrics.Other, "deny", "denied_by_rule", "enforce"), beyond)
	all, err := env.Gateway.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	if got := len(all[connectionsMetric].GetMetric()); got != filter.MaxRuleLabels+1 {
		t.Errorf("%d series, want one for each of %d rules, and one for the rest", got, filter.MaxRuleLabels)
	}
}

// forbidden has another filter, in front of ours, refuse everybody.
const forbidden = `filters:
      - name: envoy.filters.network.rbac
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC
          stat_prefix: forbidden
          rules: {action: DENY, policies: {whoever: {permissions: [{any: true}], principals: [{any: true}]}}}
`

func TestAReasonThatIsNotOursIsOther(t *testing.T) {
	t.Parallel()
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, Plain: true, WithoutSidecar: true,
		EditGateway: replaced("filters:\n", forbidden)})
	if _, err := env.GetDirect(client.Outer{}, "en.wikipedia.org"); err == nil {
		t.Fatal("a session, want none")
	}
	entry := env.GatewayLog.WantEntry(t, func(e logs.Entry) bool { return true })
	if reason := entry.Get("reason"); reason != "rbac_deny_close" {
		t.Errorf("the log's reason is %q, want Envoy's: rbac_deny_close", reason)
	}
	env.WantMetric(t, connectionsMetric, ended("", "", metrics.Other, "enforce"), 1)
}

func TestMetricsByRuleCanBeLeftOut(t *testing.T) {
	t.Parallel()
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, WithoutSidecar: true, GatewayFlags: []string{"--rule-metrics=false"}})
	if _, err := env.GetDirect(env.App(), "en.wikipedia.org"); err != nil {
		t.Fatal(err)
	}
	env.GatewayLog.WantEntry(t, logs.Named("en.wikipedia.org"))
	all, err := env.Gateway.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range metrics.ByRule() {
		if _, there := all[m.Prometheus()]; there {
			t.Errorf("%s is there", m.Prometheus())
		}
	}
}
