package filter

import (
	"wildcard-egress/filter/policy"
	"wildcard-egress/metrics"
)

// What a filter says of its connection, as filter states of plain text: the
// access log reads them, at less than half the cost of dynamic metadata. Those
// that would be empty are not set.
const (
	ServerNameKey     = "wildcard_egress.server_name"
	DecisionKey       = "wildcard_egress.decision"
	RuleKey           = "wildcard_egress.rule"
	ReasonKey         = "wildcard_egress.reason"
	DetailKey         = "wildcard_egress.detail"
	PrincipalKey      = "wildcard_egress.principal"
	ShadowRuleKey     = "wildcard_egress.shadow_rule"
	ShadowDecisionKey = "wildcard_egress.shadow_decision"
	ShadowReasonKey   = "wildcard_egress.shadow_reason"
	// RuleLabelKey and ShadowRuleLabelKey are what metrics call the rule, where
	// that is not its name: see RuleLabels.
	RuleLabelKey       = "wildcard_egress.rule_label"
	ShadowRuleLabelKey = "wildcard_egress.shadow_rule_label"
	// RequestedServerNameKey is the outer server name, said of refusals only.
	RequestedServerNameKey = "wildcard_egress.requested_server_name"
	// RefusalKey is the policy's refusal if it is not the alert, for the filters
	// behind; no log has it.
	RefusalKey = "wildcard_egress.refusal"
)

// report says the decision in the filter state.
func (f *filter) report(r request, d policy.Decision) {
	f.say(ServerNameKey, r.shown)
	f.say(DecisionKey, d.Action.String())
	f.sayRule(RuleKey, RuleLabelKey, d.Rule)
	f.say(ReasonKey, string(d.Reason))
	f.say(DetailKey, r.detail)
	f.say(PrincipalKey, r.Principal)
	if !d.Shadow.Reported {
		return
	}
	f.sayRule(ShadowRuleKey, ShadowRuleLabelKey, d.Shadow.Rule)
	f.say(ShadowDecisionKey, d.Shadow.Action.String())
	f.say(ShadowReasonKey, string(f.shadowReason))
}

func (f *filter) sayRule(key, labelKey, rule string) {
	f.say(key, rule)
	if rule != "" && !f.enforcer.Rules.has(rule) {
		f.say(labelKey, metrics.Other)
	}
}

func (f *filter) say(key, value string) {
	if value != "" {
		f.conn.SetText(key, value)
	}
}
