package bootstrap

import metricsv3 "github.com/envoyproxy/go-control-plane/envoy/config/metrics/v3"

// statsConfig makes the reason of a refusal a tag, so that all refusals are
// one metric with a label reason: of wildcard_egress.denied.no_rule, the first
// group of the expression leaves the name, the second is the tag.
func statsConfig() *metricsv3.StatsConfig {
	return &metricsv3.StatsConfig{StatsTags: []*metricsv3.TagSpecifier{{
		TagName:  "reason",
		TagValue: &metricsv3.TagSpecifier_Regex{Regex: `^wildcard_egress\.(?:denied|failed)(\.(\w+))$`},
	}}}
}
