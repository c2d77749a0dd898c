package cluster_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

const (
	wikipediaRule = `{name: wikipedia, hosts: ["*.wikipedia.org"]}`
	cloudRule     = `{name: cloud, hosts: [cloud.ibm.com]}`
	moreRule      = `{name: more, hosts: ["*.example.com", example.org]}`
)

func policyOf(ports string, rules ...string) string {
	return fmt.Sprintf("version: 1\ndefaults: {ports: [%s]}\nrules: [%s]\n...\n", ports, strings.Join(rules, ", "))
}

// manyRule has n hosts, each outside of the others.
func manyRule(n int) string {
	var hosts []string
	for i := range n {
		hosts = append(hosts, fmt.Sprintf("www.example%d.net", i))
	}
	return "{name: many, hosts: [" + strings.Join(hosts, ", ") + "]}"
}

// sidecarNames returns the server names that the filter chains of a sidecar's
// listener are for.
func (a *application) sidecarNames(listener string) ([]string, error) {
	dump, err := proxy(a.namespace, "app", "config_dump?resource=dynamic_listeners&name_regex="+listener)
	if err != nil {
		return nil, err
	}
	return serverNames(dump)
}

// What istiod makes of an edit, and what a sidecar does with it: the streams of
// hosts that stay go on, when the sidecar's drain time is over, too.
func TestAnEditCutsNoStream(t *testing.T) {
	shop := startApplication(t, "shop")
	g := startGateway(t, policyOf("443, 8443", wikipediaRule, cloudRule), "--app-namespace=shop")
	shop.reaches(t, "en.wikipedia.org", "443")
	shop.reaches(t, "de.wikipedia.org", "8443")
	shop.reaches(t, "cloud.ibm.com", "443")
	shop.refused(t, "example.org", "443", "")
	shop.open(t, "en.wikipedia.org", "443", 20)
	shop.open(t, "de.wikipedia.org", "8443", 20)
	shop.open(t, "cloud.ibm.com", "443", 10)
	all := streams{"en.wikipedia.org": {Alive: 20}, "de.wikipedia.org": {Alive: 20}, "cloud.ibm.com": {Alive: 10}}

	for _, edit := range []struct{ name, policy, reached, port, gone string }{
		{name: "hosts outside of the others", policy: policyOf("443, 8443", wikipediaRule, cloudRule, moreRule), reached: "example.org", port: "443"},
		{name: "another order", policy: policyOf("8443, 443", moreRule, cloudRule, wikipediaRule), reached: "www.example.com", port: "8443"},
		{name: "hosts away", policy: policyOf("443, 8443", wikipediaRule, cloudRule), gone: "example.org", port: "443"},
		{name: "more hosts than one VirtualService takes", policy: policyOf("443, 8443", wikipediaRule, cloudRule, manyRule(40)), port: "443"},
		{name: "so many no more", policy: policyOf("443, 8443", wikipediaRule, cloudRule), port: "443"},
		{name: "a port more", policy: policyOf("443, 8443, 9443", wikipediaRule, cloudRule)},
		{name: "that port away", policy: policyOf("443, 8443", wikipediaRule, cloudRule)},
	} {
		t.Run(edit.name, func(t *testing.T) {
			g.apply(t, edit.policy)
			if edit.reached != "" {
				shop.reaches(t, edit.reached, edit.port)
			}
			if edit.gone != "" {
				shop.refused(t, edit.gone, edit.port, "")
			}
			shop.drained(t)
			if got := shop.streams(t); fmt.Sprint(got) != fmt.Sprint(all) {
				t.Errorf("streams %v, want %v", got, all)
			}
		})
	}
	t.Run("a host itself away ends its own streams alone", func(t *testing.T) {
		g.apply(t, policyOf("443, 8443", wikipediaRule))
		shop.refused(t, "cloud.ibm.com", "443", "")
		shop.drained(t)
		want := streams{"en.wikipedia.org": {Alive: 20}, "de.wikipedia.org": {Alive: 20}, "cloud.ibm.com": {Cut: 10}}
		if got := shop.streams(t); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("streams %v, want %v", got, want)
		}
	})
}

// drained waits until the sidecar has what istiod made of the newest objects,
// and nothing of the old is left.
func (a *application) drained(t *testing.T) {
	t.Helper()
	kubectl(t, "", "exec", "-n", a.namespace, "app", "-c", "istio-proxy", "--", "pilot-agent", "request", "GET", "ready")
	await(t, func() error {
		stats, err := proxy(a.namespace, "app", "stats?filter=listener_manager.*draining")
		if err == nil && (strings.Contains(stats, "total_filter_chains_draining: 0") && strings.Contains(stats, "total_listeners_draining: 0")) {
			return nil
		}
		return errors.Join(err, errors.New("it drains: "+stats))
	})
}
