package istiod_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filelogv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/file/v3"
	snidfpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3"
	"google.golang.org/protobuf/encoding/protojson"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"wildcard-egress/bootstrap"
	"wildcard-egress/testenv"
	"wildcard-egress/testenv/built"
	"wildcard-egress/testenv/certs"
	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/controlplane"
	"wildcard-egress/testenv/istiod"
)

const meshPolicy = `{"version": 1, "rules": [
	{"name": "wikipedia", "hosts": ["*.wikipedia.org"]},
	{"name": "cloud", "hosts": ["cloud.ibm.com"], "principals": ["spiffe://cluster.local/ns/default/sa/*"]}]}` + "\n"

// mesh is a gateway whose configuration comes of the rendered manifests.
type mesh struct {
	*testenv.Env
	control *controlplane.Server
	dir     string
	policy  string // PORT in it stands for the sites' port
	port    uint16 // of the sites
}

// start renders the manifests by the built command, as an operator does, and
// runs the gateway that istiod makes of them.
func start(t *testing.T, policy string, flags ...string) *mesh {
	t.Helper()
	return startWith(t, policy, flags, testenv.Options{}, func(*bootstrapv3.Bootstrap) error { return nil })
}

// startWith is start with options of the environment, and with a last change of
// the bootstrap.
func startWith(t *testing.T, policy string, flags []string, o testenv.Options, last func(*bootstrapv3.Bootstrap) error) *mesh {
	t.Helper()
	return startMesh(t, policy, flags, o, func(_ *mesh, b *bootstrapv3.Bootstrap) error { return last(b) })
}

// startMesh is startWith for a change that needs to know the mesh.
func startMesh(t *testing.T, policy string, flags []string, o testenv.Options, last func(*mesh, *bootstrapv3.Bootstrap) error) *mesh {
	t.Helper()
	control, err := controlplane.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { control.Close() })
	m := &mesh{control: control, dir: t.TempDir(), policy: policy}
	o.Policy, o.WithoutSidecar = meshPolicy, true
	o.EditGateway = edited(func(b *bootstrapv3.Bootstrap) error {
		if err := m.edit(b, flags...); err != nil {
			return err
		}
		return last(m, b)
	})
	m.Env = testenv.Start(t, o)
	return m
}

func edited(edit func(*bootstrapv3.Bootstrap) error) func([]byte) ([]byte, error) {
	return func(text []byte) ([]byte, error) {
		b := &bootstrapv3.Bootstrap{}
		if err := unmarshal(text, b); err != nil {
			return nil, err
		}
		if err := edit(b); err != nil {
			return nil, err
		}
		return bootstrap.YAML(b)
	}
}

func unmarshal(text []byte, b *bootstrapv3.Bootstrap) error {
	json, err := yaml.YAMLToJSON(text)
	if err != nil {
		return err
	}
	return protojson.Unmarshal(json, b)
}

// edit replaces the content of a plain gateway's bootstrap.
func (m *mesh) edit(b *bootstrapv3.Bootstrap, flags ...string) error {
	plain := b.StaticResources.Listeners[0]
	sni, log := &snidfpv3.FilterConfig{}, &filelogv3.FileAccessLog{}
	err := errors.Join(plain.FilterChains[0].Filters[2].GetTypedConfig().UnmarshalTo(sni),
		plain.AccessLog[0].GetTypedConfig().UnmarshalTo(log))
	if err != nil {
		return err
	}
	m.port = uint16(sni.GetPortValue())
	r, err := m.resources(plain.FilterChains[0].TransportSocket, flags...)
	if err != nil {
		return err
	}
	local := istiod.Local{
		PolicyFile: filepath.Join(m.dir, "policy.yaml"), AccessLog: log.Path,
		UpstreamPort: m.port, Cache: sni.DnsCacheConfig,
	}
	return errors.Join(local.Put(r, b), istiod.AskByADS(b, m.control.Port()), m.serve(r))
}

// serve hands out what istiod would by ECDS.
func (m *mesh) serve(r istiod.Resources) error {
	for _, e := range r.Extensions {
		if err := m.control.SetExtension(e.Name, e.TypedConfig); err != nil {
			return err
		}
	}
	return nil
}

// resources are istiod's, or with --no-envoyfilter those of the override.
func (m *mesh) resources(tls *corev3.TransportSocket, flags ...string) (istiod.Resources, error) {
	stream, err := m.manifests(flags...)
	if err != nil {
		return istiod.Resources{}, err
	}
	override, err := overrideOf(stream)
	if err != nil {
		return istiod.Resources{}, err
	}
	if override != nil {
		r := istiod.Resources{Listener: override.StaticResources.Listeners[0], Clusters: override.StaticResources.Clusters}
		r.Listener.FilterChains[0].TransportSocket = tls
		return r, nil
	}
	r, err := istiod.Gateway(8443, tls, certs.PaymentsID)
	if err != nil {
		return r, err
	}
	filters, err := istiod.EnvoyFilters(stream)
	if err == nil {
		err = r.Apply(filters)
	}
	return r, err
}

func overrideOf(stream []byte) (*bootstrapv3.Bootstrap, error) {
	for text := range strings.SplitSeq(string(stream), "\n---\n") {
		var object corev1.ConfigMap
		if yaml.Unmarshal([]byte(text), &object) != nil || object.Data["custom_bootstrap.json"] == "" {
			continue
		}
		b := &bootstrapv3.Bootstrap{}
		return b, unmarshal([]byte(object.Data["custom_bootstrap.json"]), b)
	}
	return nil, nil
}

func (m *mesh) manifests(flags ...string) ([]byte, error) {
	file := filepath.Join(m.dir, "policy.yaml")
	text := []byte(strings.ReplaceAll(m.policy, "PORT", fmt.Sprint(m.port)) + "\n")
	if old, err := os.ReadFile(file); err != nil || !bytes.Equal(old, text) {
		if err := errors.Join(os.WriteFile(file+".next", text, 0o600), os.Rename(file+".next", file)); err != nil {
			return nil, err
		}
	}
	return built.Run(context.Background(), append([]string{"istio", "--policy", file}, flags...)...)
}

// app is an application's sidecar that sent to a port of the gateway's Service.
func (m *mesh) app(port uint16) client.Outer {
	o := m.App()
	o.ServerName = fmt.Sprintf("outbound_.%d_.wildcard_.wildcard-egress.wildcard-egress.svc.cluster.local", port)
	return o
}

func (m *mesh) wantSite(t *testing.T, o client.Outer, name string) {
	t.Helper()
	if site, err := m.GetDirect(o, name); err != nil || site != name {
		t.Errorf("%s: %q, %v; want it allowed", name, site, err)
	}
}

// wantRefused also waits until the gateway has counted the refusal.
func (m *mesh) wantRefused(t *testing.T, o client.Outer, name, counter string) {
	t.Helper()
	before, err := m.Gateway.Stat(counter)
	if err != nil {
		t.Fatal(err)
	}
	if site, err := m.GetDirect(o, name); err == nil {
		t.Errorf("%s: %q answered, want it refused", name, site)
	}
	m.WantStat(t, counter, before+1)
}
