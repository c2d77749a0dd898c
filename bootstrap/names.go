package bootstrap

import (
	"fmt"

	"wildcard-egress/filter/policy/document"
)

// CheckNames returns the policy's limits of names that are above what the DNS
// cache holds: they could never be reached, and would let one caller fill it.
// Built-in limits are no mistake of the policy.
func CheckNames(d *document.Document, dnsNames uint32) error {
	limits := d.Defaults.Limits
	if n := limits.PerCaller.Names; n > dnsNames && n != document.DefaultLimits.PerCaller.Names {
		return fmt.Errorf("%s: defaults.limits.per_caller.names: %d is more than the %d that the DNS cache holds; lower it, or raise --dns-names", d.File, n, dnsNames)
	}
	if n := limits.Total.Names; n > dnsNames {
		return fmt.Errorf("%s: defaults.limits.total.names: %d is more than the %d that the DNS cache holds; lower it, or raise --dns-names", d.File, n, dnsNames)
	}
	for _, r := range d.Rules {
		if r.Limits != nil && max(r.Limits.PerCaller.Names, r.Limits.Total.Names) > dnsNames {
			return fmt.Errorf("%s:%d:%d: rules.%s.limits: names: more than the %d that the DNS cache holds; lower it, or raise --dns-names",
				d.File, r.LimitsAt.Line, r.LimitsAt.Column, r.Name, dnsNames)
		}
	}
	return nil
}
