package istiod_test

import (
	"net"
	"slices"
	"strings"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	"github.com/google/go-cmp/cmp"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/certs"
	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/istiod"
	"wildcard-egress/testenv/logs"
)

func TestGatewayOfTheManifests(t *testing.T) {
	for name, flags := range map[string][]string{
		"an EnvoyFilter and a policy in a file": nil,
		"the Gateway API":                       {"--api", "gateway"},
		"the listener in the bootstrap":         {"--no-envoyfilter"},
	} {
		t.Run(name, func(t *testing.T) {
			m := start(t, meshPolicy, flags...)
			m.wantSite(t, m.app(443), "en.wikipedia.org")
			m.wantSite(t, m.app(443), "cloud.ibm.com")
			t.Run("refuses what the policy does not name", func(t *testing.T) {
				m.wantRefused(t, m.app(443), "wikipedia.org", "wildcard_egress.denied.no_rule")
			})
			t.Run("takes the port from the outer server name", func(t *testing.T) {
				m.wantRefused(t, m.app(8443), "en.wikipedia.org", "wildcard_egress.denied.no_rule")
			})
			t.Run("knows who asks", func(t *testing.T) {
				m.wantRefused(t, client.Outer{Certificate: m.Identities.NoID}, "cloud.ibm.com", "wildcard_egress.denied.no_rule")
			})
			t.Run("refuses certificates of others in the handshake", func(t *testing.T) {
				m.wantRefused(t, client.Outer{Certificate: m.Identities.Stranger}, "en.wikipedia.org", "wildcard_egress.denied.handshake_failed")
			})
			t.Run("counts by rule", func(t *testing.T) {
				m.WantMetric(t, "envoy_wildcard_egress_connections", `rule="cloud",decision="allow",reason="",mode="enforce"`, 1)
				m.WantMetric(t, "envoy_wildcard_egress_bytes_sent", `rule="cloud"`, 1)
			})
			t.Run("logs one line for each connection, handshakes that failed included", m.testAccessLog)
			m.WantAlive(t)
		})
	}
}

func (m *mesh) testAccessLog(t *testing.T) {
	outer := m.app(443).ServerName
	for name, tt := range map[string]struct {
		outer client.Outer
		want  []string // decision, rule, requested_server_name, which is said of refusals
	}{
		"allowed":        {outer: m.app(443), want: []string{"allow", "wikipedia", ""}},
		"no certificate": {outer: client.Outer{ServerName: outer}, want: []string{"deny", "", outer}},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := m.DialGateway(tt.outer)
			if err != nil {
				t.Fatal(err)
			}
			from := logs.From(conn.LocalAddr())
			if inner, err := m.Handshake(conn, "de.wikipedia.org"); err == nil {
				inner.Close()
			}
			entry := m.GatewayLog.WantEntry(t, from)
			got := []string{entry.Get("decision"), entry.Get("rule"), entry.Get("requested_server_name")}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("decision, rule and outer server name (-want +got):\n%s", diff)
			}
			entries, err := m.GatewayLog.Entries()
			lines := slices.DeleteFunc(entries, func(e logs.Entry) bool { return !from(e) })
			if err != nil || len(lines) != 1 {
				t.Errorf("%d lines, %v; want one", len(lines), err)
			}
		})
	}
}

func TestAuthorizationPolicyOfTheMeshComesFirst(t *testing.T) {
	m := start(t, meshPolicy)
	m.wantRefused(t, client.Outer{Certificate: m.Identities.Payments}, "en.wikipedia.org", "tcp.rbac.denied")
	m.WantStat(t, "wildcard_egress.allowed", 0)
	m.wantSite(t, m.app(443), "en.wikipedia.org")
}

// Before anybody has shown a certificate: of one source address a quarter may
// wait, and who comes from another is served.
func TestSilentConnectionsLeaveRoomForOthers(t *testing.T) {
	const waiting, silent = 8192 / 4 / 4, 600
	const ofPort = `{"version": 1, "rules": [{"name": "wikipedia", "hosts": ["*.wikipedia.org"], "ports": [PORT]}]}`
	for name, flags := range map[string][]string{"a policy in a file": nil, "by ECDS": {"--policy-by", "ecds"}} {
		t.Run(name, func(t *testing.T) {
			m := start(t, ofPort, flags...)
			for range silent {
				conn, err := net.Dial("tcp", m.GatewayAddr)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
			}
			other := m.app(m.port)
			other.From = "127.0.0.2"
			m.wantSite(t, other, "en.wikipedia.org")
			m.WantStat(t, "wildcard_egress.denied.too_many_waiting", silent-waiting)
		})
	}
}

// Without the EnvoyFilter, istiod's own route leads nowhere.
func TestListenerWithoutTheEnvoyFilterRefusesAll(t *testing.T) {
	env := testenv.Start(t, testenv.Options{
		Policy: meshPolicy, WithoutSidecar: true,
		EditGateway: edited(func(b *bootstrapv3.Bootstrap) error {
			r, err := istiod.Gateway(8443, b.StaticResources.Listeners[0].FilterChains[0].TransportSocket, certs.PaymentsID)
			if err != nil {
				return err
			}
			return istiod.Local{}.Put(r, b)
		}),
	})
	if site, err := env.GetDirect(env.App(), "en.wikipedia.org"); err == nil {
		t.Errorf("%q answered", site)
	}
	env.Upstream.WantConnections(t, 0)
	env.DNS.WantNoQueries(t)
}

func TestPolicyByECDSChangesAtOnceAndKeepsConnections(t *testing.T) {
	const before = `{"version": 1, "rules": [{"name": "wikipedia", "hosts": ["*.wikipedia.org"], "ports": [PORT]}]}`
	m := start(t, before, "--policy-by", "ecds")
	live, err := m.DialDirect(m.app(m.port), "en.wikipedia.org")
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	m.wantRefused(t, m.app(m.port), "cloud.ibm.com", "wildcard_egress.denied.no_rule")

	m.policy = strings.ReplaceAll(before, "*.wikipedia.org", "cloud.ibm.com")
	r, err := m.resources(nil, "--policy-by", "ecds")
	if err == nil {
		err = m.serve(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	m.WantStat(t, "wildcard_egress.policy_loaded", 2)
	m.wantSite(t, m.app(m.port), "cloud.ibm.com")
	m.wantRefused(t, m.app(m.port), "en.wikipedia.org", "wildcard_egress.denied.no_rule")
	if site, err := client.Ask(live); err != nil || site != "en.wikipedia.org" {
		t.Errorf("the connection of before the change: %q, %v; want it alive", site, err)
	}
}
