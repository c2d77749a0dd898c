package bootstrap

import (
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	modulesv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/dynamic_modules/v3"
	modulelistenerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/dynamic_modules/v3"
	modulefilterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/dynamic_modules/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"wildcard-egress/filter"
	"wildcard-egress/outcome"
)

const moduleFilterName = "envoy.filters.network.dynamic_modules"

// moduleSettings are the module's own, beside the policy. The zero value leaves
// all to the module.
type moduleSettings struct {
	// UpstreamPort, unless 0, takes the place of the rules' ports.
	UpstreamPort uint16
	// RequirePolicyAtStart has Envoy refuse the listener while there is no good
	// policy, where it would deny everything.
	RequirePolicyAtStart bool
	// RequireEndMark refuses every policy without the end mark, where the module
	// would ask for it only if the policy may have been cut off.
	RequireEndMark bool
	// MaxConnections is how many connections Envoy takes in all, so that the module
	// keeps some for callers who have few; 0: it keeps none.
	MaxConnections uint32
	// Caller, unless empty, is where callers come from.
	Caller filter.Caller
	// MaxWaiting is how many connections may wait for their decision, from accept
	// on, and a quarter of it those of one source address; 0: any number.
	MaxWaiting uint32
	// DecisionCache, unless nil, is how many decisions each worker keeps.
	DecisionCache *uint32
	// Readiness makes it the filter that lets each connection through while there is
	// a policy. What policies it takes must be as for the filter that decides.
	Readiness bool
}

// policyFilter returns the filter of this project. policyFile is the path where
// the module reads the policy and watches it.
func policyFilter(policyFile string, s moduleSettings) *listenerv3.Filter {
	config := &structpb.Struct{Fields: map[string]*structpb.Value{
		"policy_file": structpb.NewStringValue(policyFile),
	}}
	if s.UpstreamPort != 0 {
		config.Fields["upstream_port"] = structpb.NewNumberValue(float64(s.UpstreamPort))
	}
	if s.RequirePolicyAtStart {
		config.Fields["require_policy_at_start"] = structpb.NewBoolValue(true)
	}
	if s.RequireEndMark {
		config.Fields["require_end_mark"] = structpb.NewBoolValue(true)
	}
	if s.MaxConnections != 0 {
		config.Fields["max_connections"] = structpb.NewNumberValue(float64(s.MaxConnections))
	}
	if s.Caller != "" {
		config.Fields["caller"] = structpb.NewStringValue(string(s.Caller))
	}
	if s.MaxWaiting != 0 {
		config.Fields["max_waiting"] = structpb.NewNumberValue(float64(s.MaxWaiting))
	}
	if s.DecisionCache != nil {
		config.Fields["decision_cache"] = structpb.NewNumberValue(float64(*s.DecisionCache))
	}
	if s.Readiness {
		config.Fields["readiness"] = structpb.NewBoolValue(true)
	}
	return networkFilter(moduleFilterName, moduleFilter(ModuleName, config))
}

// IsPolicyFilter says whether f is the filter that Gateway has from the policy's file.
func IsPolicyFilter(f *listenerv3.Filter) bool {
	var m modulefilterv3.DynamicModuleNetworkFilter
	return f.GetTypedConfig().UnmarshalTo(&m) == nil && m.FilterName == ModuleName
}

// outcomeFilter returns the filter of this project that stands behind sniFilter
// and says why a connection that was allowed failed.
func (c Config) outcomeFilter() *listenerv3.Filter {
	config := outcome.Config{Family: string(c.network().DNSFamily), Resolvers: c.Resolvers}
	if !c.AllowPrivateAddresses {
		config.Denied = c.network().Guard.Denied()
	}
	text, err := json.Marshal(config)
	if err != nil {
		panic(err) // addresses and words
	}
	return networkFilter(moduleFilterName, moduleFilter(outcome.FilterName, wrapperspb.String(string(text))))
}

// DiscoveredPolicyFilter returns the filter that takes its configuration, and
// with it the policy, from the control plane (ECDS): see PolicyExtension. Until
// it is there, the listener does not open.
func DiscoveredPolicyFilter() *listenerv3.Filter {
	return &listenerv3.Filter{
		Name: ModuleName,
		ConfigType: &listenerv3.Filter_ConfigDiscovery{ConfigDiscovery: &corev3.ExtensionConfigSource{
			ConfigSource: &corev3.ConfigSource{
				ResourceApiVersion:    corev3.ApiVersion_V3,
				InitialFetchTimeout:   durationpb.New(0), // wait, however long
				ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
			},
			TypeUrls: []string{pack(&modulefilterv3.DynamicModuleNetworkFilter{}).TypeUrl},
		}},
	}
}

// PolicyExtension returns the configuration that DiscoveredPolicyFilter waits
// for. policy is the content of a policy file, as text: the module's
// policy_version is made of these bytes.
func PolicyExtension(policy []byte) (*corev3.TypedExtensionConfig, error) {
	if !utf8.Valid(policy) {
		return nil, fmt.Errorf("the policy is not UTF-8 text")
	}
	return &corev3.TypedExtensionConfig{
		Name:        ModuleName,
		TypedConfig: pack(moduleFilter(ModuleName, wrapperspb.String(string(policy)))),
	}, nil
}

func moduleFilter(name string, config proto.Message) *modulefilterv3.DynamicModuleNetworkFilter {
	return &modulefilterv3.DynamicModuleNetworkFilter{
		DynamicModuleConfig: moduleConfig(),
		FilterName:          name,
		FilterConfig:        pack(config),
	}
}

// arrivalsFilter returns the module's listener filter: of the connections that wait
// for their handshake and their hello it lets so many be, a quarter of them of one
// source address, and it says which of those that end there have a line in the log.
func arrivalsFilter(maxWaiting uint32) *listenerv3.ListenerFilter {
	return &listenerv3.ListenerFilter{
		Name: "envoy.filters.listener.dynamic_modules",
		ConfigType: &listenerv3.ListenerFilter_TypedConfig{TypedConfig: pack(&modulelistenerv3.DynamicModuleListenerFilter{
			DynamicModuleConfig: moduleConfig(),
			FilterName:          ModuleName,
			FilterConfig:        pack(wrapperspb.String(strconv.Itoa(int(maxWaiting)))),
		})},
	}
}

func moduleConfig() *modulesv3.DynamicModuleConfig {
	return &modulesv3.DynamicModuleConfig{
		Name:             ModuleName,
		DoNotClose:       true, // a Go runtime cannot be unloaded
		MetricsNamespace: ModuleName,
	}
}
