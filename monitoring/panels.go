package main

// panel is one of the dashboard's, with its queries.
type panel struct {
	title, about string
	unit         string // Grafana's name of it
	single       bool   // the newest value alone
	queries      []query
}

// query is an expression of PromQL. In it, $job are the gateways, and
// $__rate_interval is Grafana's: four scrapes, or more.
type query struct{ expr, legend string }

// row is a line of panels under a title.
type row struct {
	title  string
	panels []panel
}

// rows are the dashboard.
var rows = []row{
	{"Policy", []panel{
		{title: "Stale", about: "1: the newest policy was rejected.", unit: "none", single: true,
			queries: []query{{`max by (instance) (envoy_wildcard_egress_policy_stale{job=~"$job"})`, "{{instance}}"}}},
		{title: "Different policies", about: "More than 1 for minutes: some replica is behind.", unit: "none", single: true,
			queries: []query{{`count(count_values("version", envoy_wildcard_egress_policy_version{job=~"$job"}))`, "policies"}}},
		{title: "Age of the policy", unit: "s", single: true,
			queries: []query{{`time() - max(envoy_wildcard_egress_policy_loaded_at{job=~"$job"})`, "age"}}},
		{title: "Rules, hosts", unit: "none", single: true, queries: []query{
			{`max(envoy_wildcard_egress_policy_rules{job=~"$job"})`, "rules"},
			{`max(envoy_wildcard_egress_policy_hosts{job=~"$job"})`, "hosts"}}},
	}},
	{"Decisions", []panel{
		{title: "Allowed connections, by rule", about: "When they end.", unit: "cps", queries: []query{
			{`sum by (rule) (rate(envoy_wildcard_egress_connections{job=~"$job", mode="enforce", decision="allow"}[$__rate_interval]))`, "{{rule}}"}}},
		{title: "Refusals, by reason", unit: "cps", queries: []query{
			{`sum by (reason) (rate(envoy_wildcard_egress_denied{job=~"$job"}[$__rate_interval])) > 0`, "{{reason}}"}}},
		{title: "Refusals, by rule", about: "The empty rule: no rule matched, or there was nothing to match.", unit: "cps", queries: []query{
			{`sum by (rule, reason) (rate(envoy_wildcard_egress_connections{job=~"$job", mode="enforce", decision="deny"}[$__rate_interval]))`,
				"{{rule}} {{reason}}"}}},
		{title: "What shadow rules would do", unit: "cps", queries: []query{
			{`sum by (rule, decision) (rate(envoy_wildcard_egress_connections{job=~"$job", mode="shadow"}[$__rate_interval]))`, "{{rule}}: {{decision}}"}}},
	}},
	{"Traffic", []panel{
		{title: "Live connections, by rule", unit: "none", queries: []query{
			{`sum by (rule) (envoy_wildcard_egress_live_connections{job=~"$job"})`, "{{rule}}"}}},
		{title: "Bytes to the clients, by rule", about: "Of connections that ended.", unit: "Bps", queries: []query{
			{`sum by (rule) (rate(envoy_wildcard_egress_bytes_sent_sum{job=~"$job"}[$__rate_interval]))`, "{{rule}}"}}},
		{title: "Bytes from the clients, by rule", about: "Of connections that ended.", unit: "Bps", queries: []query{
			{`sum by (rule) (rate(envoy_wildcard_egress_bytes_received_sum{job=~"$job"}[$__rate_interval]))`, "{{rule}}"}}},
		{title: "Duration, 95th percentile, by rule", about: "The order of size: the buckets are powers of ten.", unit: "ms", queries: []query{
			{`histogram_quantile(0.95, sum by (rule, le) (rate(envoy_wildcard_egress_duration_bucket{job=~"$job"}[$__rate_interval])))`, "{{rule}}"}}},
		{title: "Wait for the decision", about: "From the end of the outer handshake: the client's hello, and ours.", unit: "ms", queries: []query{
			{`histogram_quantile(0.5, sum by (le) (rate(envoy_wildcard_egress_hello_wait_bucket{job=~"$job"}[$__rate_interval])))`, "median"},
			{`histogram_quantile(0.99, sum by (le) (rate(envoy_wildcard_egress_hello_wait_bucket{job=~"$job"}[$__rate_interval])))`, "99th percentile"}}},
		{title: "Decisions from the cache", unit: "percentunit", queries: []query{
			{`sum(rate(envoy_wildcard_egress_decision_cache_hit{job=~"$job"}[$__rate_interval])) / ` +
				`(sum(rate(envoy_wildcard_egress_decision_cache_hit{job=~"$job"}[$__rate_interval])) + ` +
				`sum(rate(envoy_wildcard_egress_decision_cache_miss{job=~"$job"}[$__rate_interval])))`, "from the cache"}}},
	}},
	{"DNS and sites", []panel{
		{title: "Allowed connections that failed, by reason", unit: "cps", queries: []query{
			{`sum by (reason) (rate(envoy_wildcard_egress_failed{job=~"$job"}[$__rate_interval])) > 0`, "{{reason}}"}}},
		{title: "Names in the DNS cache", about: "Full at --dns-names, 4096 by default.", unit: "none", queries: []query{
			{`max by (instance) (envoy_dns_cache_wildcard_egress_num_hosts{job=~"$job"})`, "{{instance}}"}}},
		{title: "Look-ups", unit: "ops", queries: []query{
			{`sum(rate(envoy_dns_cache_wildcard_egress_dns_query_attempt{job=~"$job"}[$__rate_interval]))`, "all"},
			{`sum(rate(envoy_dns_cache_wildcard_egress_dns_query_failure{job=~"$job"}[$__rate_interval]))`, "without an answer"},
			{`sum(rate(envoy_dns_cache_wildcard_egress_dns_query_timeout{job=~"$job"}[$__rate_interval]))`, "timeouts"}}},
		{title: "Full", about: "Names without room in the cache, connections beyond --max-connections.", unit: "ops", queries: []query{
			{`sum(rate(envoy_dns_cache_wildcard_egress_host_overflow{job=~"$job"}[$__rate_interval]))`, "names"},
			{`sum(rate(envoy_listener_downstream_global_cx_overflow{job=~"$job"}[$__rate_interval]))`, "connections"}}},
	}},
}
