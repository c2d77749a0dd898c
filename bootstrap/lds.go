package bootstrap

import (
	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
)

// SplitListeners takes the listeners out of b and has it read them from path
// instead. It returns what the file must hold. Envoy reads the file again when
// another is renamed to path.
func SplitListeners(b *bootstrapv3.Bootstrap, path string) *discoveryv3.DiscoveryResponse {
	response := &discoveryv3.DiscoveryResponse{}
	for _, l := range b.StaticResources.Listeners {
		response.Resources = append(response.Resources, pack(l))
	}
	b.StaticResources.Listeners = nil
	b.DynamicResources = &bootstrapv3.Bootstrap_DynamicResources{LdsConfig: &corev3.ConfigSource{
		ResourceApiVersion: corev3.ApiVersion_V3,
		ConfigSourceSpecifier: &corev3.ConfigSource_PathConfigSource{
			PathConfigSource: &corev3.PathConfigSource{Path: path},
		},
	}}
	return response
}
