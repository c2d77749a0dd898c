package analysis

import (
	"cmp"
	"slices"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/document"
)

// flips looks for a request that one side allows and the other denies: because
// no rule of the other allows it, or because one denies it.
func (d *detail) flips(allowing int, allows []option, note func(policy.Request, verdict)) {
	other := 1 - allowing
	is := func(side int, action policy.Action) func(option) bool {
		return func(o option) bool { return o.side == side && o.Action == action }
	}
	certain := func(is func(option) bool) bool {
		return slices.ContainsFunc(d.options, func(o option) bool { return o.certain() && is(o) })
	}
	denied, allowed := is(allowing, policy.Deny), is(other, policy.Allow)
	if certain(denied) {
		return
	}
	wanted := func(r policy.Request) bool {
		var got [2]policy.Decision
		got[0], got[1] = d.decide(r)
		return got[allowing].Action == policy.Allow && got[other].Action == policy.Deny
	}
	if !certain(allowed) {
		if own := d.without(allows, other); len(own) > 0 {
			note(d.seek(wanted, func(o option) bool { return denied(o) || allowed(o) }, own))
		}
	}
	if denies := d.without(d.those(is(other, policy.Deny)), allowing); len(denies) > 0 && len(allows) > 0 {
		note(d.seek(wanted, denied, allows, denies))
	}
}

func (d *detail) those(are func(option) bool) (options []option) {
	for _, o := range d.options {
		if are(o) {
			options = append(options, o)
		}
	}
	return options
}

// without returns the options that the other side does not have as well.
func (d *detail) without(options []option, other int) []option {
	if len(options) == 0 {
		return nil
	}
	wide, by := document.Pattern{}, map[document.Pattern][]option{}
	for _, p := range d.options {
		if p.side == other && p.Action == options[0].Action {
			host := p.host
			if p.wide {
				host = wide
			}
			by[host] = append(by[host], p)
		}
	}
	return slices.DeleteFunc(slices.Clone(options), func(o option) bool {
		has := func(p option) bool {
			return p.anyone || !o.anyone && !slices.ContainsFunc(o.principals, func(s string) bool { return !slices.Contains(p.principals, s) })
		}
		return slices.ContainsFunc(by[wide], has) || slices.ContainsFunc(by[o.host], has)
	})
}

// moved reports whether a request that both sides allow goes to another port, or
// is treated otherwise when it is revoked, or has other limits. The on_revoke and the
// limits of a rule that keeps its name are changes of settings.
func moved(before, after policy.Decision) bool {
	if before.Action != policy.Allow || after.Action != policy.Allow {
		return false
	}
	return before.Port != after.Port || before.Rule != after.Rule &&
		(before.CloseOnRevoke != after.CloseOnRevoke || limitsOf(before.Limits) != limitsOf(after.Limits))
}

// moves looks for requests that both sides allow, each with another outcome.
func (d *detail) moves(olds, news []option, note func(policy.Request, verdict)) {
	wanted := func(r policy.Request) bool {
		return moved(d.decide(r))
	}
	if len(d.outcomes) == 1 {
		return
	}
	for _, x := range olds {
		for _, y := range news {
			if !x.differs(y, d.port) {
				continue
			}
			avoid := func(o option) bool {
				return o.Action == policy.Deny || o.side == 0 && o.outranks(x) || o.side == 1 && o.outranks(y)
			}
			if !slices.ContainsFunc(d.options, func(o option) bool { return o.certain() && avoid(o) }) {
				note(d.seek(wanted, avoid, []option{x}, []option{y}))
			}
		}
	}
}

// differs reports whether it matters to a request which of two rules allows it.
func (o option) differs(other option, asked uint16) bool {
	x, y := o.outcome(asked), other.outcome(asked)
	return x.port != y.port || o.Name != other.Name && (x.onRevoke != y.onRevoke || x.limits != y.limits)
}

// outranks says which of two allow rules that match decides.
func (o option) outranks(other option) bool {
	if o.byDefault || other.byDefault {
		return !o.byDefault
	}
	return cmp.Or(cmp.Compare(other.host.Specificity(), o.host.Specificity()), cmp.Compare(o.Name, other.Name)) < 0
}
