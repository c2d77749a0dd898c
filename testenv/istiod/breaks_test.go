package istiod_test

// Each function here breaks a bootstrap in one way.

import (
	"errors"
	"path/filepath"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	dfpclusterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/dynamic_forward_proxy/v3"
	dfpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/common/dynamic_forward_proxy/v3"
	snidfpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"wildcard-egress/testenv/certs"
)

func filters(change func([]*listenerv3.Filter) []*listenerv3.Filter) func(*bootstrapv3.Bootstrap) error {
	return func(b *bootstrapv3.Bootstrap) error {
		chain := b.StaticResources.Listeners[0].FilterChains[0]
		chain.Filters = change(chain.Filters)
		return nil
	}
}

// edit changes a packed message; m is an empty one of its type.
func edit[M proto.Message](packed *anypb.Any, m M, change func(M) error) error {
	return errors.Join(packed.UnmarshalTo(m), change(m), packed.MarshalFrom(m))
}

func editCluster(b *bootstrapv3.Bootstrap, change func(*dfpv3.DnsCacheConfig) error) error {
	packed := b.StaticResources.Clusters[0].GetClusterType().TypedConfig
	return edit(packed, &dfpclusterv3.ClusterConfig{}, func(c *dfpclusterv3.ClusterConfig) error {
		return change(c.GetDnsCacheConfig())
	})
}

// caches changes the DNS cache in both places.
func caches(change func(*dfpv3.DnsCacheConfig) error) func(*bootstrapv3.Bootstrap) error {
	return func(b *bootstrapv3.Bootstrap) error {
		packed := b.StaticResources.Listeners[0].FilterChains[0].Filters[3].GetTypedConfig()
		return errors.Join(editCluster(b, change), edit(packed, &snidfpv3.FilterConfig{}, func(c *snidfpv3.FilterConfig) error {
			return change(c.DnsCacheConfig)
		}))
	}
}

func tlsContext(change func(*tlsv3.DownstreamTlsContext) error) func(*bootstrapv3.Bootstrap) error {
	return func(b *bootstrapv3.Bootstrap) error {
		packed := b.StaticResources.Listeners[0].FilterChains[0].TransportSocket.GetTypedConfig()
		return edit(packed, &tlsv3.DownstreamTlsContext{}, change)
	}
}

// expire puts an expired certificate beside the gateway's own, and uses it.
func expire(c *tlsv3.DownstreamTlsContext) error {
	own := c.CommonTlsContext.TlsCertificates[0]
	authority, err := certs.NewAuthority("expired")
	if err != nil {
		return err
	}
	expired, err := authority.Issue(certs.Subject{URIs: []string{certs.GatewayID}, Expired: true})
	if err != nil {
		return err
	}
	cert, key, err := certs.WriteFiles(expired, filepath.Dir(own.CertificateChain.GetFilename()), "expired")
	own.CertificateChain.Specifier = &corev3.DataSource_Filename{Filename: cert}
	own.PrivateKey.Specifier = &corev3.DataSource_Filename{Filename: key}
	return err
}
