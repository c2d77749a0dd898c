package bootstrap

import (
	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/document"
)

// HostsOf returns what the listeners in front of a policy must let through:
// the hosts of its enforced allow rules, each widened to what Envoy can say.
// Deny rules, principals and ports stay the gateway's business. A policy whose
// default mode is shadow lets every name through, so that it is reported.
func HostsOf(d *document.Document) Hosts {
	hosts := Hosts{Any: d.Defaults.Mode == document.ShadowMode}
	for _, rule := range d.Rules {
		if rule.Action != policy.Allow || rule.Mode != document.Enforce {
			continue
		}
		for _, host := range rule.Hosts {
			if cover := host.Cover(); cover == "*" {
				hosts.Any = true
			} else {
				hosts.Names = append(hosts.Names, cover)
			}
		}
	}
	return hosts
}
