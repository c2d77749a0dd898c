package preflight

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"wildcard-egress/bootstrap"
)

// Finding is the answer to one check.
type Finding struct {
	Pod    string `json:"pod,omitempty"` // of a Deployment
	Check  string `json:"check"`
	Status string `json:"status"`
	Detail string `json:"detail"`
	Fix    string `json:"fix,omitempty"` // if it failed
}

// The statuses of a finding.
const (
	OK      = "ok"
	Fail    = "fail"
	Unknown = "unknown" // another check failed that it needs
)

// check asks one thing. run returns what it saw, or what is wrong.
type check struct {
	name  string
	needs string // an earlier check
	fix   string
	run   func(g *Gateway) (string, error)
}

// Inspect runs all checks. version is the policy_version to expect
// (livepolicy.Version of the policy's file); 0 for any.
func Inspect(g *Gateway, version uint64) []Finding {
	return g.run(append(chainChecks, policyChecks(version)...))
}

func (g *Gateway) run(checks []check) []Finding {
	var findings []Finding
	failed := map[string]bool{}
	for _, c := range checks {
		f := Finding{Check: c.name, Status: Unknown, Detail: "needs: " + c.needs}
		if !failed[c.needs] {
			detail, err := c.run(g)
			f.Status, f.Detail = OK, printable(detail)
			if err != nil {
				f.Status, f.Detail, f.Fix = Fail, printable(err.Error()), c.fix
			}
		}
		failed[c.name] = f.Status != OK
		findings = append(findings, f)
	}
	return findings
}

const (
	adminAnswers = "admin interface"
	serverLive   = "ready"
	portOpen     = "port open"
	filterChain  = "filter chain"
	dnsCache     = "dns cache"
)

const (
	applyAgain = "apply the rendered manifests again, and look into istiod's log for a refused EnvoyFilter; without a mesh, render the bootstrap again"
)

var chainChecks = []check{
	{name: adminAnswers, fix: "give the address of Envoy's admin interface with --admin, or the pod with --kubectl",
		run: func(g *Gateway) (string, error) { return "answers", g.err }},
	{name: "envoy version", needs: adminAnswers, fix: "use Istio 1.31 or newer, or Envoy 1.39 or newer", run: checkVersion},
	{name: serverLive, needs: adminAnswers, fix: "wait; if it lasts, a certificate, the policy by ECDS or a listener is missing: see Envoy's log", run: checkReady},
	{name: portOpen, needs: adminAnswers, fix: "Envoy has refused the listener or never got it: is the module in its search path? see its log for wildcard_egress; if it listens elsewhere, --port",
		run: checkPort},
	{name: "newest listener accepted", needs: portOpen, fix: "the gateway goes on with an older one: mend what the detail says", run: checkAccepted},
	{name: filterChain, needs: portOpen, fix: applyAgain, run: checkChain},
	{name: "outer mTLS", needs: portOpen, fix: "the Gateway's tls.mode must be ISTIO_MUTUAL; without a mesh, render the bootstrap with --cert, --key and --ca", run: checkMutualTLS},
	{name: "resumed sessions", needs: filterChain, fix: "callers would be let in after their certificate has expired; " + applyAgain, run: checkExpiry},
	{name: "outer server name", needs: portOpen, fix: "without tls_inspector the port that was asked for is lost; " + applyAgain, run: checkInspector},
	{name: dnsCache, needs: filterChain, fix: applyAgain, run: checkCache},
	{name: "address guard", needs: dnsCache, fix: "allowed names could lead into your own network; " + applyAgain, run: checkGuard},
	{name: "search domains off", needs: dnsCache, fix: "names would be tried under the cluster's domains first; " + applyAgain, run: checkSearchDomains},
	{name: "failures of allowed connections", needs: portOpen, run: checkFailures},
	{name: "limits hit", needs: portOpen, run: checkLimits},
	{name: "certificates", needs: portOpen, fix: "restart the pod or see why istiod does not renew them; check the clocks; without a mesh, renew --cert", run: checkCertificates},
}

func checkVersion(g *Gateway) (string, error) {
	// Such as "<commit>/1.39.3/Clean/RELEASE/BoringSSL"; Istio's builds add a suffix.
	parts := strings.Split(g.version, "/")
	if len(parts) < 2 {
		return "", fmt.Errorf("%q is not an Envoy's version", g.version)
	}
	version, _, _ := strings.Cut(parts[1], "-")
	numbers := strings.Split(version, ".")
	if len(numbers) < 2 || numbers[0] != "1" {
		return "", fmt.Errorf("%q: want 1.39 or newer", version)
	}
	if minor, err := strconv.Atoi(numbers[1]); err != nil || minor < 39 {
		return "", fmt.Errorf("%s: want 1.39 or newer", version)
	}
	if err := bootstrap.CheckEnvoyVersion(version); err != nil {
		return version + ", newer than any that was tried", nil
	}
	return version, nil
}

func checkReady(g *Gateway) (string, error) {
	if g.state != "LIVE" {
		return "", fmt.Errorf("the server is %s", g.state)
	}
	return g.state, nil
}

func checkPort(g *Gateway) (string, error) {
	if g.listenerName == "" {
		return "", fmt.Errorf("no listener on port %d", g.port)
	}
	return fmt.Sprintf("%d, listener %s", g.port, g.listenerName), nil
}

func checkAccepted(g *Gateway) (string, error) {
	if g.refused != "" {
		return "", errors.New(g.refused)
	}
	return "yes", nil
}

func checkCertificates(g *Gateway) (string, error) {
	if len(g.certificates) == 0 {
		return "", errors.New("the proxy has none")
	}
	now, first := time.Now(), time.Time{}
	for _, c := range g.certificates {
		if now.Before(c.ValidFrom) {
			return "", fmt.Errorf("%s is valid from %s on", c.Serial, c.ValidFrom.Format(time.RFC3339))
		}
		if now.After(c.Expires) {
			return "", fmt.Errorf("%s expired at %s", c.Serial, c.Expires.Format(time.RFC3339))
		}
		if first.IsZero() || c.Expires.Before(first) {
			first = c.Expires
		}
	}
	return fmt.Sprintf("%d, the first expires at %s", len(g.certificates), first.Format(time.RFC3339)), nil
}
