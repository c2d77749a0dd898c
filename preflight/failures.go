package preflight

import (
	"fmt"
	"strings"

	"wildcard-egress/bootstrap"
	"wildcard-egress/outcome"
)

// checkFailures tells what the network did to allowed connections since the
// gateway started, in the words of the access log, and where to look. Sites fail
// without any fault of the gateway's, so it is no failure here.
func checkFailures(g *Gateway) (string, error) {
	var seen []string
	for _, w := range outcome.Words {
		if n := g.stats[bootstrap.ModuleName+".failed."+w.Reason]; n > 0 {
			seen = append(seen, fmt.Sprintf("%d %s (%s)", n, w.Reason, strings.ReplaceAll(w.Remedy, "`", "")))
		}
	}
	if len(seen) == 0 {
		return "none", nil
	}
	return strings.Join(seen, "; "), nil
}
