package preflight

import (
	"encoding/json"

	dfpclusterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/dynamic_forward_proxy/v3"
	dfpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/common/dynamic_forward_proxy/v3"
	snidfpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// typed is a message of config_dump with its type.
type typed struct {
	Type string `json:"@type"`
	raw  []byte
}

func (t *typed) UnmarshalJSON(b []byte) error {
	type plain typed
	t.raw = append([]byte{}, b...)
	return json.Unmarshal(b, (*plain)(t))
}

type dumpedListener struct {
	Name                string        `json:"name"`
	Address             dumpedAddress `json:"address"`
	AdditionalAddresses []struct {
		Address dumpedAddress `json:"address"`
	} `json:"additional_addresses"`
	ListenerFilters []dumpedFilter `json:"listener_filters"`
	FilterChains    []dumpedChain  `json:"filter_chains"`
	DefaultChain    *dumpedChain   `json:"default_filter_chain"`
}

type dumpedAddress struct {
	Socket struct {
		Address string `json:"address"`
	} `json:"socket_address"`
}

type dumpedChain struct {
	Filters         []dumpedFilter `json:"filters"`
	TransportSocket struct {
		TypedConfig struct {
			Type                     string `json:"@type"`
			RequireClientCertificate bool   `json:"require_client_certificate"`
		} `json:"typed_config"`
	} `json:"transport_socket"`
}

type dumpedFilter struct {
	Name            string          `json:"name"`
	TypedConfig     typed           `json:"typed_config"`
	ConfigDiscovery json.RawMessage `json:"config_discovery"`
}

type dumpedCluster struct {
	Name        string `json:"name"`
	ClusterType struct {
		TypedConfig typed `json:"typed_config"`
	} `json:"cluster_type"`
}

func (g *Gateway) readConfigDump(body []byte) error {
	var dump struct {
		Configs []struct {
			StaticListeners []struct {
				Listener *dumpedListener `json:"listener"`
			} `json:"static_listeners"`
			DynamicListeners []struct {
				Name        string `json:"name"`
				ActiveState struct {
					Listener *dumpedListener `json:"listener"`
				} `json:"active_state"`
				ErrorState struct {
					Details string `json:"details"`
				} `json:"error_state"`
			} `json:"dynamic_listeners"`
			StaticClusters        []struct{ Cluster dumpedCluster } `json:"static_clusters"`
			DynamicActiveClusters []struct{ Cluster dumpedCluster } `json:"dynamic_active_clusters"`
			ECDSFilters           []struct {
				Filter struct {
					Name        string `json:"name"`
					TypedConfig typed  `json:"typed_config"`
				} `json:"ecds_filter"`
			} `json:"ecds_filters"`
		} `json:"configs"`
	}
	if err := json.Unmarshal(body, &dump); err != nil {
		return err
	}
	for _, c := range dump.Configs {
		for _, l := range c.StaticListeners {
			g.take(l.Listener, "")
		}
		for _, l := range c.DynamicListeners {
			g.take(l.ActiveState.Listener, l.ErrorState.Details)
		}
		for _, cluster := range append(c.StaticClusters, c.DynamicActiveClusters...) {
			g.clusters[cluster.Cluster.Name] = cluster.Cluster
		}
		for _, e := range c.ECDSFilters {
			g.extensions[e.Filter.Name] = e.Filter.TypedConfig
		}
	}
	return nil
}

func (g *Gateway) take(l *dumpedListener, refused string) {
	if l != nil && l.Name == g.listenerName && g.listenerName != "" {
		g.listener, g.refused = l, refused
	}
}

// chains are all chains of the listener.
func (l *dumpedListener) chains() []dumpedChain {
	if l.DefaultChain == nil {
		return l.FilterChains
	}
	return append(l.FilterChains[:len(l.FilterChains):len(l.FilterChains)], *l.DefaultChain)
}

// lenient reads what a newer Envoy may have more fields in.
var lenient = protojson.UnmarshalOptions{DiscardUnknown: true}

// sniCache is the DNS cache of a sni_dynamic_forward_proxy.
func (f dumpedFilter) sniCache() (*dfpv3.DnsCacheConfig, error) {
	var config snidfpv3.FilterConfig
	err := f.TypedConfig.into(&config)
	return config.GetDnsCacheConfig(), err
}

// cache is the DNS cache of a dynamic forward proxy cluster.
func (c dumpedCluster) cache() (*dfpv3.DnsCacheConfig, error) {
	var config dfpclusterv3.ClusterConfig
	err := c.ClusterType.TypedConfig.into(&config)
	return config.GetDnsCacheConfig(), err
}

// is compares the type in a type URL.
func (t typed) is(message string) bool { return t.Type == "type.googleapis.com/"+message }

// into reads a packed message.
func (t typed) into(m proto.Message) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(t.raw, &fields); err != nil {
		return err
	}
	delete(fields, "@type")
	text, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	return lenient.Unmarshal(text, m)
}
