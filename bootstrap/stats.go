package bootstrap

import (
	"maps"
	"slices"

	metricsv3 "github.com/envoyproxy/go-control-plane/envoy/config/metrics/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"wildcard-egress/metrics"
)

// statsConfig makes the reason of a refusal a tag, so that all refusals are
// one metric with a label reason: of wildcard_egress.denied.no_rule, the first
// group of the expression leaves the name, the second is the tag.
func statsConfig() *metricsv3.StatsConfig {
	config := &metricsv3.StatsConfig{StatsTags: []*metricsv3.TagSpecifier{{
		TagName:  metrics.Reason,
		TagValue: &metricsv3.TagSpecifier_Regex{Regex: `^wildcard_egress\.(?:denied|failed)(\.(\w+))$`},
	}}}
	for _, prefix := range slices.Sorted(maps.Keys(metrics.Buckets)) {
		config.HistogramBucketSettings = append(config.HistogramBucketSettings, &metricsv3.HistogramBucketSettings{
			Match:   &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: prefix}},
			Buckets: metrics.Buckets[prefix],
		})
	}
	return config
}
