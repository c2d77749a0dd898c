package bootstrap

import (
	"slices"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	tlsinspectorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/tls_inspector/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Hosts is what a listener can tell of a policy: the server names that some
// allow rule may let through. The zero value has none.
type Hosts struct {
	Any   bool     // every server name
	Names []string // exact names, and *.suffix for one label or more below suffix
}

// chain returns the filter chain for TLS to h, or no chain when h has no
// names: to Envoy, a match without names is a match of all.
func (h Hosts) chain(name string, filters ...*listenerv3.Filter) []*listenerv3.FilterChain {
	match := &listenerv3.FilterChainMatch{TransportProtocol: "tls"}
	if !h.Any {
		if len(h.Names) == 0 {
			return nil
		}
		names := slices.Sorted(slices.Values(h.Names))
		match.ServerNames = slices.Compact(names) // Envoy refuses a name given twice
	}
	return []*listenerv3.FilterChain{{Name: name, FilterChainMatch: match, Filters: filters}}
}

// inspectTLS has l read the server name before it chooses a filter chain. It
// begins with a small buffer, as istiod has it: Envoy's own 64 KiB for each
// connection are for the largest hellos, and the buffer grows when one comes.
func inspectTLS(l *listenerv3.Listener) {
	inspectTLSBy(l, &tlsinspectorv3.TlsInspector{InitialReadBufferSize: wrapperspb.UInt32(512)})
}

func inspectTLSBy(l *listenerv3.Listener, inspector *tlsinspectorv3.TlsInspector) {
	l.ListenerFilters = []*listenerv3.ListenerFilter{{
		Name:       "envoy.filters.listener.tls_inspector",
		ConfigType: &listenerv3.ListenerFilter_TypedConfig{TypedConfig: pack(inspector)},
	}}
	l.ListenerFiltersTimeout = durationpb.New(firstBytesTimeout)
}
