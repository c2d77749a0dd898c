package document

import (
	"fmt"
	"time"

	"go.yaml.in/yaml/v4"

	"wildcard-egress/filter/policy/strictyaml"
)

// unlimited is how a limit is switched off.
const unlimited = "unlimited"

// limits reads limits into l, whose values are those of fields that are not
// given. What contradicts itself, or wider, is a mistake; nil: nothing is wider.
func (p *parser) limits(n *yaml.Node, path strictyaml.Path, l, wider *Limits) {
	perCaller, total := places{}, places{}
	p.Fields(n, path, strictyaml.Fields{
		"mode": func(n *yaml.Node, path strictyaml.Path) {
			l.Mode = strictyaml.Choice(&p.Reader, n, path, Enforce, ShadowMode)
		},
		"per_caller":          func(n *yaml.Node, path strictyaml.Path) { p.allowance(n, path, &l.PerCaller, perCaller) },
		"total":               func(n *yaml.Node, path strictyaml.Path) { p.allowance(n, path, &l.Total, total) },
		"connection_duration": func(n *yaml.Node, path strictyaml.Path) { l.Duration = p.connectionDuration(n, path) },
	})
	p.within(perCaller, l.PerCaller, l.Total, "the %d of all callers together (total)")
	if wider != nil {
		p.within(perCaller, l.PerCaller, wider.PerCaller, "the %d that a caller has under all rules (defaults.limits.per_caller)")
		p.within(total, l.Total, wider.Total, "the %d of all rules together (defaults.limits.total)")
	}
}

// ruleLimits reads the limits of a rule, which come beside those of the defaults.
func (p *parser) ruleLimits(n *yaml.Node, path strictyaml.Path, r *Rule) {
	wider := p.document.Defaults.Limits
	r.Limits = &Limits{Mode: wider.Mode, Duration: wider.Duration}
	r.LimitsAt = strictyaml.PositionOf(n)
	p.limits(n, path, r.Limits, &wider)
}

// places are where the fields of an allowance stand.
type places map[string]place

type place struct {
	node *yaml.Node
	path strictyaml.Path
}

func (p *parser) allowance(n *yaml.Node, path strictyaml.Path, a *Allowance, at places) {
	fields := strictyaml.Fields{}
	for _, f := range allowanceFields {
		fields[f.Name] = func(n *yaml.Node, path strictyaml.Path) {
			*f.Of(a) = p.allowed(n, path)
			at[f.Name] = place{n, path}
		}
	}
	p.Fields(n, path, fields)
}

func (p *parser) allowed(n *yaml.Node, path strictyaml.Path) uint32 {
	if text, ok := strictyaml.Scalar(n); ok {
		if text != unlimited {
			p.Add(n, path, "%s where a number from 1 to %d or %q is wanted", strictyaml.Describe(n), maxAllowance, unlimited)
		}
		return 0
	}
	number, _ := p.Integer(n, path, 1, maxAllowance)
	return uint32(number)
}

func (p *parser) connectionDuration(n *yaml.Node, path strictyaml.Path) time.Duration {
	if text, _ := strictyaml.Scalar(n); text == unlimited {
		return 0
	}
	return p.duration(n, path, minDuration, maxDuration)
}

// within has each number that was given no larger than that of what it is a part
// of: it could never be reached, so that one of the two is not meant.
func (p *parser) within(given places, part, whole Allowance, of string) {
	for _, f := range allowanceFields {
		at, ok := given[f.Name]
		if a, b := *f.Of(&part), *f.Of(&whole); ok && b != 0 && a > b {
			p.Add(at.node, at.path, "%d is more than %s; lower it, or raise that", a, fmt.Sprintf(of, b))
		}
	}
}
