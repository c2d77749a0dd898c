package istiod_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	modulefilterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/dynamic_modules/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"wildcard-egress/bootstrap"
	"wildcard-egress/testenv"
	"wildcard-egress/testenv/built"
	"wildcard-egress/testenv/poll"
)

// ready runs the startup probe of the manifests, and returns what it prints;
// nothing if the gateway is ready.
func (m *mesh) ready(t *testing.T) string {
	t.Helper()
	_, port, err := net.SplitHostPort(m.GatewayAddr)
	if err != nil {
		t.Fatal(err)
	}
	out, err := built.Run(t.Context(), "ready", "--admin", "http://"+m.Gateway.AdminAddr(), "--port", port)
	if (err == nil) != (len(out) == 0) {
		t.Errorf("error %v, output %q; want both or none", err, out)
	}
	return string(out)
}

// wantNotReady waits for a reason: on a loaded machine it may be at first that
// nothing answers in time.
func (m *mesh) wantNotReady(t *testing.T, reason string) {
	t.Helper()
	poll.Want(t, func() error {
		if got := m.ready(t); !strings.Contains(got, reason) {
			return fmt.Errorf("ready says %q, want %q in it", got, reason)
		}
		return nil
	})
}

func (m *mesh) wantReadySoon(t *testing.T) {
	t.Helper()
	poll.Want(t, func() error {
		if reason := m.ready(t); reason != "" {
			return errors.New(reason)
		}
		return nil
	})
}

const broken = "rules: ["

func TestReadyWaitsForAPolicyInAFile(t *testing.T) {
	for name, flags := range map[string][]string{
		"with an EnvoyFilter":    nil,
		"with its own bootstrap": {"--no-envoyfilter"},
	} {
		t.Run(name, func(t *testing.T) {
			m := startMesh(t, meshPolicy, flags, testenv.Options{}, func(m *mesh, _ *bootstrapv3.Bootstrap) error {
				return os.WriteFile(filepath.Join(m.dir, "policy.yaml"), []byte(broken), 0o600)
			})
			m.wantNotReady(t, "policy in force: none")
			next := filepath.Join(m.dir, "next.yaml")
			if err := os.WriteFile(next, []byte(meshPolicy+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(next, filepath.Join(m.dir, "policy.yaml")); err != nil {
				t.Fatal(err)
			}
			m.wantReadySoon(t)
			m.wantSite(t, m.app(443), "en.wikipedia.org")
			t.Run("and stays ready when the next policy is broken", func(t *testing.T) {
				if err := os.WriteFile(filepath.Join(m.dir, "policy.yaml"), []byte(broken), 0o600); err != nil {
					t.Fatal(err)
				}
				m.WantStat(t, "wildcard_egress.policy_stale", 1)
				m.wantReadySoon(t)
			})
		})
	}
}

func TestReadyWaitsForAPolicyByECDS(t *testing.T) {
	for name, tt := range map[string]struct {
		edit   func(*modulefilterv3.DynamicModuleNetworkFilter)
		reason string
	}{
		"a broken policy": {edit: func(*modulefilterv3.DynamicModuleNetworkFilter) {}, reason: "policy in force: none"},
		"no module": {edit: func(f *modulefilterv3.DynamicModuleNetworkFilter) { f.DynamicModuleConfig.Name = "missing" },
			reason: "metrics are not there"},
	} {
		t.Run(name, func(t *testing.T) {
			m := startMesh(t, meshPolicy, []string{"--policy-by", "ecds"}, testenv.Options{}, func(m *mesh, _ *bootstrapv3.Bootstrap) error {
				extension, err := bootstrap.PolicyExtension([]byte(broken))
				if err != nil {
					return err
				}
				filter := &modulefilterv3.DynamicModuleNetworkFilter{}
				if err := extension.TypedConfig.UnmarshalTo(filter); err != nil {
					return err
				}
				tt.edit(filter)
				packed, err := anypb.New(filter)
				if err != nil {
					return err
				}
				return m.control.SetExtension(extension.Name, packed)
			})
			m.wantNotReady(t, tt.reason)
			r, err := m.resources(nil, "--policy-by", "ecds")
			if err == nil {
				err = m.serve(r)
			}
			if err != nil {
				t.Fatal(err)
			}
			m.wantReadySoon(t)
		})
	}
}
