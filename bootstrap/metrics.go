package bootstrap

import (
	"fmt"
	"strings"

	xdscorev3 "github.com/cncf/xds/go/xds/core/v3"
	matcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	dataaccesslogv3 "github.com/envoyproxy/go-control-plane/envoy/data/accesslog/v3"
	statslogv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/stats/v3"
	transformv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/matching/actions/transform_stat/v3"
	statsinputv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/matching/common_inputs/stats/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"wildcard-egress/accesslog"
	"wildcard-egress/filter"
	"wildcard-egress/metrics"
)

// endMetrics returns the access loggers that make, at the end of each
// connection, the metrics by rule. The network ABI of dynamic modules has no
// labels.
func (c Config) endMetrics() []*accesslogv3.AccessLog {
	line := accesslog.Format("")
	ended := func(tags ...*statslogv3.Config_Tag) *statslogv3.Config_Counter {
		return &statslogv3.Config_Counter{Stat: stat(metrics.Connections, tags...), ValueFixed: wrapperspb.UInt64(1)}
	}
	counts := c.statsLog(&statslogv3.Config{Counters: []*statslogv3.Config_Counter{
		ended(tag(metrics.Rule, ruleLabel), tag(metrics.Decision, line["decision"]), reasonTag(line["reason"]),
			tag(metrics.Mode, "enforce")),
		// The decision first, for mostly there is none, and so no more to do.
		ended(decisionIfSet(line["shadow_decision"]), tag(metrics.Rule, shadowRuleLabel), tag(metrics.Reason, line["shadow_reason"]),
			tag(metrics.Mode, "shadow")),
	}})
	measure := func(name, value string, unit statslogv3.Config_Histogram_Unit) *statslogv3.Config_Histogram {
		return &statslogv3.Config_Histogram{Stat: stat(name, tag(metrics.Rule, ruleLabel)), ValueFormat: line[value], Unit: unit}
	}
	measures := c.statsLog(&statslogv3.Config{Histograms: []*statslogv3.Config_Histogram{
		measure(metrics.BytesReceived, "bytes_received", statslogv3.Config_Histogram_Bytes),
		measure(metrics.BytesSent, "bytes_sent", statslogv3.Config_Histogram_Bytes),
		measure(metrics.Duration, "duration", statslogv3.Config_Histogram_Milliseconds),
	}})
	measures.Filter = marked(accesslog.SiteReachedMark, 1)
	return []*accesslogv3.AccessLog{counts, measures}
}

// liveMetrics is endMetrics for tcp_proxy: the connections that live now. What is
// added is subtracted when the connection is gone: the event that is named for it
// exists in HTTP only, since Envoy logs an error at each end of a connection that
// was not added.
func (c Config) liveMetrics() *accesslogv3.AccessLog {
	return c.statsLog(&statslogv3.Config{Gauges: []*statslogv3.Config_Gauge{{
		Stat: stat(metrics.LiveConnections, tag(metrics.Rule, ruleLabel)), ValueFixed: wrapperspb.UInt64(1),
		AddSubtract: &statslogv3.Config_Gauge_PairedAddSubtract{
			AddLogType: dataaccesslogv3.AccessLogType_TcpUpstreamConnected,
			SubLogType: dataaccesslogv3.AccessLogType_DownstreamEnd,
		},
	}}})
}

func (c Config) statsLog(config *statslogv3.Config) *accesslogv3.AccessLog {
	config.StatsScope = &typev3.Scope{Prefix: ModuleName}
	if c.ListenersChange {
		// Counters live as long as their scope. Not always: `envoy --mode validate`
		// crashes as it ends, with a scope that is shared.
		config.StatsScope.SharingName = ModuleName
	}
	return &accesslogv3.AccessLog{
		Name:       "envoy.access_loggers.stats",
		ConfigType: &accesslogv3.AccessLog_TypedConfig{TypedConfig: pack(config)},
	}
}

func stat(name string, tags ...*statslogv3.Config_Tag) *statslogv3.Config_Stat {
	return &statslogv3.Config_Stat{Name: name, Tags: tags}
}

func tag(name, value string) *statslogv3.Config_Tag {
	return &statslogv3.Config_Tag{Name: name, ValueFormat: value}
}

// The rule's name, or metrics.Other.
var (
	ruleLabel       = firstSaid(filter.RuleLabelKey, filter.RuleKey)
	shadowRuleLabel = firstSaid(filter.ShadowRuleLabelKey, filter.ShadowRuleKey)
)

func firstSaid(keys ...string) string {
	operators := make([]string, len(keys))
	for i, key := range keys {
		operators[i] = fmt.Sprintf(`{"command": "FILTER_STATE", "param": "%s:PLAIN"}`, key)
	}
	return `%COALESCE({"operators": [` + strings.Join(operators, ", ") + `]})%`
}

// reasonTag lets the words of this project pass, and no other text of Envoy's.
func reasonTag(value string) *statslogv3.Config_Tag {
	words := append([]string{""}, accesslog.Reasons()...)
	ours := predicate(&matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{
		EngineType: &matcherv3.RegexMatcher_GoogleRe2{GoogleRe2: &matcherv3.RegexMatcher_GoogleRE2{}},
		Regex:      strings.Join(words, "|"),
	}}})
	return transformed(tag(metrics.Reason, value),
		&matcherv3.Matcher_MatcherList_Predicate{MatchType: &matcherv3.Matcher_MatcherList_Predicate_NotMatcher{NotMatcher: ours}},
		&transformv3.TransformStat{UpdateTag: &transformv3.TransformStat_UpdateTag{NewTagValue: metrics.Other}})
}

// decisionIfSet has nothing counted where there is none.
func decisionIfSet(value string) *statslogv3.Config_Tag {
	return transformed(tag(metrics.Decision, value),
		predicate(&matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: ""}}),
		&transformv3.TransformStat{DropStat: &transformv3.TransformStat_DropStat{}})
}

func transformed(t *statslogv3.Config_Tag, where *matcherv3.Matcher_MatcherList_Predicate, how *transformv3.TransformStat) *statslogv3.Config_Tag {
	t.Rules = &matcherv3.Matcher{MatcherType: &matcherv3.Matcher_MatcherList_{MatcherList: &matcherv3.Matcher_MatcherList{
		Matchers: []*matcherv3.Matcher_MatcherList_FieldMatcher{{
			Predicate: where,
			OnMatch:   &matcherv3.Matcher_OnMatch{OnMatch: &matcherv3.Matcher_OnMatch_Action{Action: extension("transform", how)}},
		}},
	}}}
	return t
}

func predicate(m *matcherv3.StringMatcher) *matcherv3.Matcher_MatcherList_Predicate {
	return &matcherv3.Matcher_MatcherList_Predicate{MatchType: &matcherv3.Matcher_MatcherList_Predicate_SinglePredicate_{
		SinglePredicate: &matcherv3.Matcher_MatcherList_Predicate_SinglePredicate{
			Input:   extension("value", &statsinputv3.StatTagValueInput{}),
			Matcher: &matcherv3.Matcher_MatcherList_Predicate_SinglePredicate_ValueMatch{ValueMatch: m},
		},
	}}
}

func extension(name string, m proto.Message) *xdscorev3.TypedExtensionConfig {
	return &xdscorev3.TypedExtensionConfig{Name: name, TypedConfig: pack(m)}
}
