package preflight

import (
	"errors"
	"fmt"
	"time"

	"wildcard-egress/bootstrap"
)

const inForce = "policy in force"

// policyChecks ask the module itself.
func policyChecks(version uint64) []check {
	return []check{
		{name: inForce, needs: adminAnswers, run: checkInForce,
			fix: "the gateway denies everything: see Envoy's log for the file, line and column; in Istio the pod's " +
				"proxyStatsMatcher must let " + bootstrap.ModuleName + " through"},
		{name: "policy newest", needs: inForce, run: checkNewest,
			fix: "the last good policy goes on: see Envoy's log for what is wrong with the new one"},
		{name: "policy equal to the file", needs: inForce,
			fix: "apply the manifests; a ConfigMap takes up to 90 seconds to reach the pod",
			run: func(g *Gateway) (string, error) { return checkEqual(g, version) }},
	}
}

func (g *Gateway) metric(name string) (uint64, bool) {
	value, ok := g.stats[bootstrap.ModuleName+"."+name]
	return value, ok
}

func checkInForce(g *Gateway) (string, error) {
	version, ok := g.metric("policy_version")
	if !ok {
		return "", errors.New("the module's metrics are not there")
	}
	if version == 0 {
		return "", errors.New("none")
	}
	rules, _ := g.metric("policy_rules")
	loaded, _ := g.metric("policy_loaded_at")
	since := time.Unix(int64(loaded), 0).UTC().Format(time.RFC3339)
	return fmt.Sprintf("version %d, %s, since %s", version, count(int(rules), "rule"), since), nil
}

func checkNewest(g *Gateway) (string, error) {
	if stale, ok := g.metric("policy_stale"); !ok || stale != 0 {
		return "", errors.New("the newest policy was refused")
	}
	return "yes", nil
}

func checkEqual(g *Gateway, want uint64) (string, error) {
	if want == 0 {
		return "not asked: give --policy", nil
	}
	if got, _ := g.metric("policy_version"); got != want {
		return "", fmt.Errorf("the gateway has version %d, the file is %d", got, want)
	}
	return "yes", nil
}
