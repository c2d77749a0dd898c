package analysis

import "wildcard-egress/filter/policy/document"

// limits tells of limits that can never be reached.
func (l *linter) limits(rule int) {
	r := l.document.Rules[rule]
	if r.Limits == nil {
		return
	}
	if r.Mode == document.ShadowMode {
		l.add(CheckUnreachableLimits, rule, -1, "a rule in shadow mode lets nothing through that its limits could concern")
		return
	}
	for _, host := range r.Hosts {
		if host.Kind() != document.Exact {
			return
		}
	}
	for _, names := range []uint32{r.Limits.PerCaller.Names, r.Limits.Total.Names} {
		if int(names) >= len(r.Hosts) && names != 0 {
			l.add(CheckUnreachableLimits, rule, -1, "a limit of %d names is never reached: its hosts are %d names; lower it, or remove it", names, len(r.Hosts))
		}
	}
}
