package e2e_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	modulefilterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/dynamic_modules/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
	"sigs.k8s.io/yaml"

	_ "wildcard-egress/bootstrap" // knows all the messages of a bootstrap
	"wildcard-egress/testenv"
	"wildcard-egress/testenv/controlplane"
)

// delivery is a way in which a policy reaches the gateway without the file that
// the module watches. Its listener comes from a file (LDS), so that what a
// change of the policy does to listeners can be seen.
type delivery struct {
	env       *testenv.Env
	control   *controlplane.Server // nil but for xDS
	dir       string
	listeners *discoveryv3.DiscoveryResponse
	listener  *listenerv3.Listener
	filter    *modulefilterv3.DynamicModuleNetworkFilter
	port      *structpb.Value

	wire   func(d *delivery, b *bootstrapv3.Bootstrap) error // how the filter's configuration gets there
	policy func(d *delivery) error                           // hands out d.filter
}

const extension = "wildcard_egress"

func startDelivery(t *testing.T, d *delivery, policy string, args ...string) {
	t.Helper()
	d.dir = t.TempDir()
	if d.control != nil {
		t.Cleanup(func() {
			if err := d.control.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	d.env, _ = startEcho(t, testenv.Options{Policy: "version: 1\nrules: [{name: unused, hosts: [unused.test]}]", WithoutSidecar: true, Concurrency: 2,
		GatewayFlags: []string{"--lds", d.file("listeners.yaml")}, GatewayArgs: args,
		EditGateway: func(yaml []byte) ([]byte, error) {
			var b bootstrapv3.Bootstrap
			if err := errors.Join(fromYAML(yaml, &b), d.readListener()); err != nil {
				return nil, err
			}
			if err := errors.Join(d.wire(d, &b), d.setPolicy(policy)); err != nil {
				return nil, err
			}
			return protojson.Marshal(&b)
		}})
}

// setPolicy delivers another policy.
func (d *delivery) setPolicy(policy string) error {
	config, err := anypb.New(&structpb.Struct{Fields: map[string]*structpb.Value{
		"policy": structpb.NewStringValue(policy), "upstream_port": d.port,
	}})
	if err != nil {
		return err
	}
	d.filter.FilterConfig = config
	return d.policy(d)
}

// setListener delivers the listener as d has it.
func (d *delivery) setListener() (err error) {
	if d.listeners.Resources[0], err = anypb.New(d.listener); err != nil {
		return err
	}
	return d.write("listeners.yaml", d.listeners)
}

func (d *delivery) file(name string) string { return filepath.Join(d.dir, name) }

// write replaces a file by rename, which is what Envoy watches for.
func (d *delivery) write(name string, m proto.Message) error {
	json, err := protojson.Marshal(m)
	if err != nil {
		return err
	}
	if err := os.WriteFile(d.file("next"), json, 0o600); err != nil {
		return err
	}
	return os.Rename(d.file("next"), d.file(name))
}

func (d *delivery) readListener() error {
	text, err := os.ReadFile(d.file("listeners.yaml"))
	if err != nil {
		return err
	}
	d.listeners, d.listener, d.filter = &discoveryv3.DiscoveryResponse{}, &listenerv3.Listener{}, &modulefilterv3.DynamicModuleNetworkFilter{}
	var settings structpb.Struct
	if err := fromYAML(text, d.listeners); err != nil {
		return err
	}
	err = errors.Join(d.listeners.Resources[0].UnmarshalTo(d.listener), d.place().GetTypedConfig().UnmarshalTo(d.filter),
		d.filter.FilterConfig.UnmarshalTo(&settings))
	d.port = settings.Fields["upstream_port"]
	return err
}

// place is where our filter stands in the listener.
func (d *delivery) place() *listenerv3.Filter { return ours(d.listener.FilterChains[0]) }

// ours is our filter in a chain.
func ours(chain *listenerv3.FilterChain) *listenerv3.Filter {
	at := slices.IndexFunc(chain.Filters, func(f *listenerv3.Filter) bool {
		return f.Name == extension || f.GetTypedConfig().MessageIs(&modulefilterv3.DynamicModuleNetworkFilter{})
	})
	return chain.Filters[at]
}

func fromYAML(text []byte, m proto.Message) error {
	json, err := yaml.YAMLToJSON(text)
	if err != nil {
		return err
	}
	return protojson.Unmarshal(json, m)
}

// wantNoRefusal fails if an Envoy has told the control plane that it refuses a
// configuration.
func (d *delivery) wantNoRefusal(t *testing.T) {
	t.Helper()
	if d.control == nil {
		return
	}
	if refusals := d.control.Refusals(); len(refusals) > 0 {
		t.Errorf("envoy refused %d configurations: %s", len(refusals), fmt.Sprint(refusals))
	}
}
