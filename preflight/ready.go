package preflight

import (
	"errors"
	"fmt"
	"slices"
)

// serving are the checks that a gateway which can serve passes: it is up, its
// port is open, and the module in it has a policy.
var serving = []string{adminAnswers, serverLive, portOpen, inForce}

// Ready says why a gateway can not serve; nil: it can. It is Inspect for a
// probe, and asks for no more than that needs. A module that Envoy could not
// load has no metrics, so it is not ready either.
func Ready(ask Ask, port uint16) error {
	checks := slices.DeleteFunc(append(chainChecks[:len(chainChecks):len(chainChecks)], policyChecks(0)...),
		func(c check) bool { return !slices.Contains(serving, c.name) })
	var faults []error
	for _, f := range read(ask, port, servingParts).run(checks) {
		if f.Status == Fail {
			faults = append(faults, fmt.Errorf("%s: %s: %s", f.Check, f.Detail, f.Fix))
		}
	}
	return errors.Join(faults...)
}
