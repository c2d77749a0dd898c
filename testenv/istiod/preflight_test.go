package istiod_test

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	dfpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/common/dynamic_forward_proxy/v3"
	modulefilterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/dynamic_modules/v3"
	caresv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/network/dns_resolver/cares/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/built"
)

// guarded is a gateway as it should be; without it the address guard is off.
var guarded = testenv.Options{GatewayFlags: []string{"--address-guard", "on"}}

// preflight runs the built command against the gateway, and returns the checks
// that are not ok with their details. "unknown" ones are left out.
func preflight(t *testing.T, e *testenv.Env, flags ...string) map[string]string {
	t.Helper()
	_, port, err := net.SplitHostPort(e.GatewayAddr)
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"preflight", "-o", "json"}, flags...)
	for flag, value := range map[string]string{"--admin": "http://" + e.Gateway.AdminAddr(), "--port": port} {
		if !slices.Contains(flags, flag) {
			args = append(args, flag, value)
		}
	}
	out, err := built.Run(t.Context(), args...)
	var findings []struct{ Check, Status, Detail, Fix string }
	if json.Unmarshal(out, &findings) != nil || len(findings) < 15 {
		t.Fatalf("preflight: %v: %s", err, out)
	}
	notOK, failed := false, map[string]string{}
	for _, f := range findings {
		notOK = notOK || f.Status != "ok"
		if f.Status == "fail" {
			failed[f.Check] = f.Detail
			if f.Fix == "" {
				t.Errorf("%s: failed without a fix", f.Check)
			}
		}
	}
	var exit *exec.ExitError
	if status := errors.As(err, &exit) && exit.ExitCode() == 1; status != notOK || err != nil && !status {
		t.Errorf("exit %v, with findings that are not ok: %v", err, notOK)
	}
	return failed
}

// wantFailed wants exactly one failure.
func wantFailed(t *testing.T, failed map[string]string, check, detail string) {
	t.Helper()
	if len(failed) != 1 || !strings.Contains(failed[check], detail) {
		t.Errorf("failed: %v; want %q alone, with %q", failed, check, detail)
	}
}

func TestPreflightOfAHealthyGateway(t *testing.T) {
	for name, flags := range map[string][]string{
		"with an EnvoyFilter":           nil,
		"with the policy by ECDS":       {"--policy-by", "ecds"},
		"with its own bootstrap":        {"--no-envoyfilter"},
		"through the Gateway API alike": {"--api", "gateway"},
	} {
		t.Run(name, func(t *testing.T) {
			m := startWith(t, meshPolicy, flags, guarded, func(*bootstrapv3.Bootstrap) error { return nil })
			if failed := preflight(t, m.Env, "--policy", filepath.Join(m.dir, "policy.yaml")); len(failed) > 0 {
				t.Errorf("failed: %v", failed)
			}
		})
	}
}

func TestPreflightNamesWhatIsBroken(t *testing.T) {
	for name, tt := range map[string]struct {
		breaks        func(*bootstrapv3.Bootstrap) error
		check, detail string
	}{
		"without our filter": {breaks: filters(func(f []*listenerv3.Filter) []*listenerv3.Filter {
			return slices.Delete(f, 2, 3)
		}), check: "filter chain", detail: "wildcard_egress is not in it"},
		"without sni_dynamic_forward_proxy": {breaks: filters(func(f []*listenerv3.Filter) []*listenerv3.Filter {
			return slices.Delete(f, 3, 4)
		}), check: "filter chain", detail: "want sni_dynamic_forward_proxy and tcp_proxy behind"},
		"without the end of certificates": {breaks: filters(func(f []*listenerv3.Filter) []*listenerv3.Filter {
			return slices.Delete(f, 1, 2)
		}), check: "resumed sessions", detail: "until when"},
		"with ours behind it": {breaks: filters(func(f []*listenerv3.Filter) []*listenerv3.Filter {
			f[2], f[3] = f[3], f[2]
			return f
		}), check: "filter chain", detail: "envoy.filters.network.sni_dynamic_forward_proxy runs before"},
		"two DNS caches": {breaks: func(b *bootstrapv3.Bootstrap) error {
			return editCluster(b, func(c *dfpv3.DnsCacheConfig) error { c.Name = "another"; return nil })
		}, check: "dns cache", detail: `the filter's is "wildcard_egress", the cluster's "another"`},
		"without the address guard": {breaks: caches(func(c *dfpv3.DnsCacheConfig) error {
			c.ResolvedAddressFilter = nil
			return nil
		}), check: "address guard", detail: "off"},
		"an address guard with a hole": {breaks: caches(func(c *dfpv3.DnsCacheConfig) error {
			c.ResolvedAddressFilter.Ranges = slices.Delete(c.ResolvedAddressFilter.Ranges, 1, 2)
			return nil
		}), check: "address guard", detail: "lets 10.0.0.0/8 through"},
		"with search domains": {breaks: caches(func(c *dfpv3.DnsCacheConfig) error {
			return edit(c.TypedDnsResolverConfig.TypedConfig, &caresv3.CaresDnsResolverConfig{}, func(r *caresv3.CaresDnsResolverConfig) error {
				r.DnsResolverOptions = nil
				return nil
			})
		}), check: "search domains off", detail: "no_default_search_domain"},
		"without client certificates": {breaks: tlsContext(func(c *tlsv3.DownstreamTlsContext) error {
			c.RequireClientCertificate = wrapperspb.Bool(false)
			return nil
		}), check: "outer mTLS", detail: "without a client certificate"},
		"without tls_inspector": {breaks: func(b *bootstrapv3.Bootstrap) error {
			b.StaticResources.Listeners[0].ListenerFilters = nil
			return nil
		}, check: "outer server name", detail: "no tls_inspector"},
		"without a policy": {breaks: func(b *bootstrapv3.Bootstrap) error {
			packed := b.StaticResources.Listeners[0].FilterChains[0].Filters[2].GetTypedConfig()
			return edit(packed, &modulefilterv3.DynamicModuleNetworkFilter{}, func(m *modulefilterv3.DynamicModuleNetworkFilter) error {
				return m.FilterConfig.MarshalFrom(wrapperspb.String(`{"policy_file": "/nowhere/policy.yaml"}`))
			})
		}, check: "policy in force", detail: "none"},
		"with an expired certificate": {breaks: tlsContext(expire), check: "certificates", detail: "expired at"},
	} {
		t.Run(name, func(t *testing.T) {
			m := startWith(t, meshPolicy, nil, guarded, tt.breaks)
			failed := preflight(t, m.Env)
			// Without the filter there is no policy either.
			if tt.detail == "wildcard_egress is not in it" {
				if !strings.Contains(failed["policy in force"], "metrics are not there") {
					t.Errorf("failed: %v; want the policy to be missing, too", failed)
				}
				delete(failed, "policy in force")
			}
			wantFailed(t, failed, tt.check, tt.detail)
		})
	}
}

func TestPreflightComparesThePolicy(t *testing.T) {
	m := startWith(t, meshPolicy, nil, guarded, func(*bootstrapv3.Bootstrap) error { return nil })
	inForce := filepath.Join(m.dir, "policy.yaml")
	other := filepath.Join(m.dir, "other.yaml")
	if err := os.WriteFile(other, []byte(meshPolicy+"\n# edited\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantFailed(t, preflight(t, m.Env, "--policy", other), "policy equal to the file", "the gateway has version")

	if err := os.Rename(other, inForce); err != nil {
		t.Fatal(err)
	}
	m.WantStat(t, "wildcard_egress.policy_loaded", 2)
	if failed := preflight(t, m.Env, "--policy", inForce); len(failed) > 0 {
		t.Errorf("after the change: %v", failed)
	}

	if err := os.WriteFile(inForce, []byte("rules: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	m.WantStat(t, "wildcard_egress.policy_stale", 1)
	wantFailed(t, preflight(t, m.Env), "policy newest", "the newest policy was refused")
}

func TestPreflightOfAGatewayThatIsNotThere(t *testing.T) {
	m := startWith(t, meshPolicy, nil, guarded, func(*bootstrapv3.Bootstrap) error { return nil })
	t.Run("the listener is elsewhere", func(t *testing.T) {
		wantFailed(t, preflight(t, m.Env, "--port", "1"), "port open", "no listener on port 1")
	})
	t.Run("nobody answers", func(t *testing.T) {
		wantFailed(t, preflight(t, m.Env, "--admin", "http://127.0.0.1:1"), "admin interface", "/server_info")
	})
}

func TestPreflightTellsThatTheNewestListenerWasRefused(t *testing.T) {
	lds := filepath.Join(t.TempDir(), "listeners.yaml")
	env := testenv.Start(t, testenv.Options{
		Policy: meshPolicy, WithoutSidecar: true,
		GatewayFlags: append([]string{"--lds", lds}, guarded.GatewayFlags...),
	})
	text, err := os.ReadFile(lds)
	if err != nil {
		t.Fatal(err)
	}
	worse := strings.Replace(string(text), "max_hosts: 4096", "max_hosts: 7", 1)
	if err := errors.Join(os.WriteFile(lds+".next", []byte(worse), 0o600), os.Rename(lds+".next", lds)); err != nil {
		t.Fatal(err)
	}
	env.WantStat(t, "listener_manager.lds.update_rejected", 1)
	wantFailed(t, preflight(t, env), "newest listener accepted", "with different settings")
}
