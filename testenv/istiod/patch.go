package istiod

import (
	"bytes"
	"fmt"
	"slices"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	"sigs.k8s.io/yaml"
)

type patch = networkingv1alpha3.EnvoyFilter_EnvoyConfigObjectPatch

// EnvoyFilters returns those of a stream of manifests.
func EnvoyFilters(stream []byte) ([]*networkingv1alpha3.EnvoyFilter, error) {
	var found []*networkingv1alpha3.EnvoyFilter
	for _, text := range bytes.Split(stream, []byte("\n---\n")) {
		var object struct {
			Kind string         `json:"kind"`
			Spec map[string]any `json:"spec"`
		}
		if err := yaml.Unmarshal(text, &object); err != nil {
			return nil, err
		}
		if object.Kind != "EnvoyFilter" {
			continue
		}
		spec, err := yaml.Marshal(object.Spec)
		if err == nil {
			spec, err = yaml.YAMLToJSON(spec)
		}
		filter := &networkingv1alpha3.EnvoyFilter{}
		if err == nil {
			err = protojson.Unmarshal(spec, filter)
		}
		if err != nil {
			return nil, fmt.Errorf("EnvoyFilter: %w", err)
		}
		found = append(found, filter)
	}
	return found, nil
}

// operations are those that this stand-in knows, in the order in which istiod
// applies them.
var operations = []struct {
	to    networkingv1alpha3.EnvoyFilter_ApplyTo
	op    networkingv1alpha3.EnvoyFilter_Patch_Operation
	apply func(*Resources, *patch) error
}{
	{networkingv1alpha3.EnvoyFilter_LISTENER, networkingv1alpha3.EnvoyFilter_Patch_MERGE, (*Resources).mergeListener},
	{networkingv1alpha3.EnvoyFilter_LISTENER_FILTER, networkingv1alpha3.EnvoyFilter_Patch_INSERT_FIRST, (*Resources).insertListenerFilter},
	{networkingv1alpha3.EnvoyFilter_NETWORK_FILTER, networkingv1alpha3.EnvoyFilter_Patch_INSERT_BEFORE, (*Resources).insertFilter},
	{networkingv1alpha3.EnvoyFilter_NETWORK_FILTER, networkingv1alpha3.EnvoyFilter_Patch_MERGE, (*Resources).mergeFilter},
	{networkingv1alpha3.EnvoyFilter_CLUSTER, networkingv1alpha3.EnvoyFilter_Patch_ADD, (*Resources).addCluster},
	{networkingv1alpha3.EnvoyFilter_EXTENSION_CONFIG, networkingv1alpha3.EnvoyFilter_Patch_ADD, (*Resources).addExtension},
}

// Apply patches r. It refuses what istiod would leave without effect, and
// operations that it does not know.
func (r *Resources) Apply(filters []*networkingv1alpha3.EnvoyFilter) error {
	for _, f := range filters {
		applied := 0
		for _, o := range operations {
			for _, p := range f.ConfigPatches {
				if p.ApplyTo != o.to || p.Patch.Operation != o.op {
					continue
				}
				if err := o.apply(r, p); err != nil {
					return fmt.Errorf("%v %v: %w", o.to, o.op, err)
				}
				applied++
			}
		}
		if applied != len(f.ConfigPatches) {
			return fmt.Errorf("%d of %d patches are not known to this stand-in", len(f.ConfigPatches)-applied, len(f.ConfigPatches))
		}
	}
	return nil
}

func (r *Resources) mergeListener(p *patch) error {
	value := &listenerv3.Listener{}
	if err := r.read(p, value); err != nil {
		return err
	}
	proto.Merge(r.Listener, value)
	return nil
}

func (r *Resources) insertListenerFilter(p *patch) error {
	value := &listenerv3.ListenerFilter{}
	if err := r.read(p, value); err != nil {
		return err
	}
	r.Listener.ListenerFilters = slices.Insert(r.Listener.ListenerFilters, 0, value)
	return nil
}

func (r *Resources) insertFilter(p *patch) error {
	value := &listenerv3.Filter{}
	if err := r.read(p, value); err != nil {
		return err
	}
	chain := r.Listener.FilterChains[0]
	at, err := find(chain.Filters, p)
	if err == nil {
		chain.Filters = slices.Insert(chain.Filters, at, value)
	}
	return err
}

func (r *Resources) mergeFilter(p *patch) error {
	value := &listenerv3.Filter{}
	if err := r.read(p, value); err != nil {
		return err
	}
	filters := r.Listener.FilterChains[0].Filters
	at, err := find(filters, p)
	if err != nil {
		return err
	}
	return editFilter(filters[at], func(into proto.Message) error {
		from, err := value.GetTypedConfig().UnmarshalNew()
		if err == nil {
			proto.Merge(into, from)
		}
		return err
	})
}

func (r *Resources) addCluster(p *patch) error {
	value := &clusterv3.Cluster{}
	r.Clusters = append(r.Clusters, value)
	return fromStruct(p, value)
}

func (r *Resources) addExtension(p *patch) error {
	value := &corev3.TypedExtensionConfig{}
	r.Extensions = append(r.Extensions, value)
	return fromStruct(p, value)
}

// read is fromStruct for a patch of the listener: for another port, nothing
// would happen.
func (r *Resources) read(p *patch, into proto.Message) error {
	want := r.Listener.GetAddress().GetSocketAddress().GetPortValue()
	if got := p.Match.GetListener().GetPortNumber(); got != want {
		return fmt.Errorf("is for port %d, the listener has %d", got, want)
	}
	return fromStruct(p, into)
}

// fromStruct refuses unknown fields, where istiod would drop them.
func fromStruct(p *patch, into proto.Message) error {
	text, err := protojson.Marshal(p.Patch.Value)
	if err != nil {
		return err
	}
	return protojson.Unmarshal(text, into)
}

func find(filters []*listenerv3.Filter, p *patch) (int, error) {
	name := p.Match.GetListener().GetFilterChain().GetFilter().GetName()
	at := slices.IndexFunc(filters, func(f *listenerv3.Filter) bool { return f.Name == name })
	if at < 0 {
		return 0, fmt.Errorf("the chain has no filter %q", name)
	}
	return at, nil
}
