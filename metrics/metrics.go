// Package metrics is what the gateway measures, once: names, types and labels.
// Package bootstrap has Envoy's access logger make those by rule, the module makes
// the rest, and docs/monitoring.md and the tests with real Envoys are held to it.
package metrics

import "strings"

// Prefix is that of the names of all metrics that are ours.
const Prefix = "wildcard_egress"

// Metric is one name in Envoy's statistics.
type Metric struct {
	Name    string // in Envoy, as /stats has it, without labels
	Type    Type
	Labels  []string // beside those that Envoy and the scraper add to all
	Meaning string
}

// Type is one of Prometheus's.
type Type string

// The types.
const (
	Counter   Type = "counter"
	Gauge     Type = "gauge"
	Histogram Type = "histogram"
)

// Prometheus is the name at /stats/prometheus.
func (m Metric) Prometheus() string { return "envoy_" + strings.ReplaceAll(m.Name, ".", "_") }

// The names of the metrics that Envoy's access logger makes, behind Prefix.
const (
	Connections     = "connections"
	LiveConnections = "live_connections"
	BytesReceived   = "bytes_received"
	BytesSent       = "bytes_sent"
	Duration        = "duration"
)

// HelloWait is the histogram that the module makes, behind Prefix.
const HelloWait = "hello_wait"

// The labels. Their values are fixed words, but for rule, which is a name from
// the policy: nothing that comes from the wire.
const (
	Rule     = "rule"
	Decision = "decision"
	Reason   = "reason"
	Mode     = "mode"
)

// Other is the value of a label that has too many: of a rule beyond the first
// filter.MaxRuleLabels that the gateway used, and of a reason that is no word of
// this project.
const Other = "other"

// Buckets are the upper bounds of the histograms' buckets, by the start of their
// names in Envoy. Each costs a line for each rule.
var Buckets = map[string][]float64{
	Prefix + ".bytes_":       {1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10},
	Prefix + "." + Duration:  {10, 100, 1e3, 1e4, 6e4, 6e5, 36e5, 864e5},
	Prefix + "." + HelloWait: {1, 5, 25, 100, 250, 1e3, 25e2, 5e3, 1e4},
}

// ByRule are made when a connection ends, but for LiveConnections. A rule has its
// series with its first connection.
func ByRule() []Metric {
	return []Metric{
		{ours(Connections), Counter, []string{Rule, Decision, Reason, Mode},
			"connections that ended, refusals among them. `mode=\"enforce\"`: each once, with the rule that decided, or `rule=\"\"`. " +
				"`mode=\"shadow\"`: once more, with what a shadow rule or limit would have decided otherwise"},
		{ours(LiveConnections), Gauge, []string{Rule}, "connections to sites now"},
		{ours(BytesReceived), Histogram, []string{Rule}, "bytes from the client, of each connection that reached a site"},
		{ours(BytesSent), Histogram, []string{Rule}, "bytes to the client, of each connection that reached a site"},
		{ours(Duration), Histogram, []string{Rule}, "milliseconds from the first byte of TCP on, of each connection that reached a site"},
	}
}

// OfGateway are there from the start, and count when it happens.
func OfGateway() []Metric {
	return []Metric{
		{ours("allowed"), Counter, nil, "connections that were allowed"},
		{ours("denied"), Counter, []string{Reason}, "connections that were refused, or cut by a later policy"},
		{ours("failed"), Counter, []string{Reason},
			"allowed connections that failed: DNS, the address guard, the site ([why](network.md#why-an-allowed-connection-failed))"},
		{ours("ech"), Counter, nil, "hellos with `encrypted_client_hello`, real or decoy"},
		{ours("log_lines_left_out"), Counter, nil,
			"connections without a line in the access log, for there were too many ([access log](access-log.md))"},
		{ours(HelloWait), Histogram, nil, "milliseconds from the end of the outer handshake to the decision"},
		{ours("decision_cache_hit"), Counter, nil, "decisions taken from the worker's cache"},
		{ours("decision_cache_miss"), Counter, nil, "decisions made in Go, though the hello came in one piece"},
		{ours("policy_version"), Gauge, nil, "48 bits of the policy's hash; 0: none"},
		{ours("policy_loaded_at"), Gauge, nil, "when the newest came into force, seconds since 1970"},
		{ours("policy_stale"), Gauge, nil, "1: the newest policy was rejected"},
		{ours("policy_rules"), Gauge, nil, "rules in force"},
		{ours("policy_deny_rules"), Gauge, nil, "of them, those that deny, without shadow rules"},
		{ours("policy_hosts"), Gauge, nil, "host patterns in force"},
		{ours("policy_loaded"), Counter, nil, "edits that came into force"},
		{ours("policy_rejected"), Counter, nil, "edits that were broken"},
		{ours("policy_hosts_added"), Counter, nil, "what edits changed"},
		{ours("policy_hosts_removed"), Counter, nil, "likewise"},
		{ours("policy_rules_added"), Counter, nil, "likewise"},
		{ours("policy_rules_removed"), Counter, nil, "likewise"},
		{ours("policy_rules_modified"), Counter, nil, "likewise"},
	}
}

// OfEnvoy are those of Envoy itself that say how the gateway does.
func OfEnvoy() []Metric {
	const dns = "dns_cache." + Prefix + "."
	return []Metric{
		{dns + "num_hosts", Gauge, nil, "names in the DNS cache, which holds `--dns-names`"},
		{dns + "host_overflow", Counter, nil, "names for which there was no room"},
		{dns + "dns_rq_pending_overflow", Counter, nil, "look-ups beyond those that may wait at once"},
		{dns + "dns_query_attempt", Counter, nil, "look-ups"},
		{dns + "dns_query_failure", Counter, nil, "look-ups that brought no answer; `failed` has them by reason"},
		{dns + "dns_query_timeout", Counter, nil, "look-ups that took too long"},
		{dns + "dns_address_filter_out", Counter, nil, "addresses that the guard dropped"},
		{"listener.downstream_cx_active", Gauge, []string{"envoy_listener_address"}, "connections to the listener"},
		{"listener.downstream_cx_overflow", Counter, []string{"envoy_listener_address"}, "connections beyond the listener's limit"},
		{"listener.downstream_global_cx_overflow", Counter, []string{"envoy_listener_address"}, "connections beyond `--max-connections`"},
		{"server.days_until_first_cert_expiring", Gauge, nil, "days until the first of the gateway's certificates ends"},
		{"server.live", Gauge, nil, "1: it takes connections, and is not draining"},
	}
}

func ours(name string) string { return Prefix + "." + name }
