package istio

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"
	"k8s.io/apimachinery/pkg/util/validation"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/document"
)

// traffic is what Istio must know of a policy.
type traffic struct {
	hosts []string // sorted, none covers another
	ports []uint16 // sorted
	notes []string
}

// trafficOf collects the hosts and ports of the enforced allow rules, and with
// the default mode shadow those of all allow rules, so that they are reported.
// Every host goes to the gateway by every port: what is listed in the mesh and
// not sent to the gateway would go past it.
func trafficOf(d *document.Document, cover Cover) (traffic, error) {
	var t traffic
	shadow := d.Defaults.Mode == document.ShadowMode
	for _, rule := range d.Rules {
		if rule.Action != policy.Allow || rule.Mode == document.ShadowMode && !shadow {
			continue
		}
		t.ports = append(t.ports, rule.Ports...)
		for _, host := range rule.Hosts {
			t.add(rule.Name, host)
		}
	}
	if shadow {
		t.ports = append(t.ports, d.Defaults.Ports...)
		t.note("defaults.mode shadow: Istio can not route every name, so what no rule names is refused by the sidecars and not reported")
	}
	slices.Sort(t.ports)
	t.ports = slices.Compact(t.ports)
	for i, host := range t.hosts {
		t.hosts[i] = widened(host, cover)
	}
	t.hosts = uncovered(t.hosts)
	t.noteHosts(cover)
	if len(t.hosts) == 0 {
		return traffic{}, errors.New("the policy has no enforced allow rule with a host that Istio can route; " +
			`list a name or a wildcard with a domain, such as "*.example.com"`)
	}
	return t, nil
}

func (t *traffic) add(rule string, p document.Pattern) {
	cover, ok := cover(p)
	switch {
	case !ok && p.Kind() == document.Any:
		t.note("rule %s: %q: Istio can not route every name; only names that are listed reach the gateway", rule, p)
		return
	case !ok:
		t.note("rule %s: %q: Istio takes a name without a dot for a service of its own; it does not reach the gateway", rule, p)
		return
	case cover != p.String():
		t.note("rule %s: %q: Istio can say no narrower than %q; the gateway decides", rule, p, cover)
	}
	t.hosts = append(t.hosts, cover)
}

// manyHosts is where the sidecars begin to feel the filter chains: see
// docs/istio.md, "Many hosts".
const manyHosts = 1000

func (t *traffic) noteHosts(cover Cover) {
	if chains := len(t.hosts) * len(t.ports); chains > manyHosts && cover != CoverTopLevel {
		t.note("%d hosts and %d ports are %d filter chains in every sidecar: --cover domain or top-level has fewer, and leaves "+
			"all of the checking to the gateway", len(t.hosts), len(t.ports), chains)
	}
	for _, port := range t.ports {
		if name, ok := plainPorts[port]; ok {
			t.note("port %d: services of the mesh use it for %s; where one does, the sidecars' listener is that one's, and the "+
				"policy's hosts can not be reached on it", port, name)
		}
	}
}

// plainPorts are often those of services without TLS.
var plainPorts = map[uint16]string{80: "HTTP", 8080: "HTTP", 3306: "MySQL", 5432: "PostgreSQL", 6379: "Redis", 27017: "MongoDB"}

// widened returns a host at least as wide as host. Istio refuses nothing but
// "*": the gateway decides what is in the host and not in the policy.
func widened(host string, cover Cover) string {
	domain, wild := strings.CutPrefix(host, "*.")
	switch cover {
	case CoverDomain:
		registrable, err := publicsuffix.EffectiveTLDPlusOne(domain)
		switch {
		case err != nil || registrable == domain && !wild:
			return host
		default:
			return "*." + registrable
		}
	case CoverTopLevel:
		return "*." + domain[strings.LastIndexByte(domain, '.')+1:]
	default:
		return host
	}
}

func (t *traffic) note(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

// cover returns the narrowest host at least as wide as p that Istio accepts:
// an exact name of two labels or more, or "*.domain", of letters, digits and
// hyphens.
func cover(p document.Pattern) (string, bool) {
	text := p.Cover()
	domain, wild := strings.CutPrefix(text, "*.")
	for !isHostName(domain) {
		_, parent, ok := strings.Cut(domain, ".")
		if !ok {
			return "", false
		}
		domain, wild = parent, true
	}
	if wild {
		return "*." + domain, true
	}
	return domain, strings.Contains(domain, ".")
}

func isHostName(domain string) bool {
	return len(validation.IsDNS1123Subdomain(domain)) == 0 && !slices.ContainsFunc(strings.Split(domain, "."), func(label string) bool {
		return len(validation.IsDNS1123Label(label)) > 0
	})
}

// uncovered sorts hosts and leaves out those that others cover: Istio takes
// them for duplicates.
func uncovered(hosts []string) []string {
	slices.Sort(hosts)
	hosts = slices.Compact(hosts)
	wildcards := map[string]bool{}
	for _, h := range hosts {
		if domain, wild := strings.CutPrefix(h, "*."); wild {
			wildcards[domain] = true
		}
	}
	return slices.DeleteFunc(hosts, func(h string) bool {
		for _, parent, ok := strings.Cut(strings.TrimPrefix(h, "*."), "."); ok; _, parent, ok = strings.Cut(parent, ".") {
			if wildcards[parent] {
				return true
			}
		}
		return false
	})
}
