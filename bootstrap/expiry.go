package bootstrap

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	setstatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/common/set_filter_state/v3"
	setfilterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/set_filter_state/v3"

	"wildcard-egress/filter"
)

// ExpiryFilterName is Envoy's name of the filter that expiryFilter configures.
const ExpiryFilterName = "envoy.filters.network.set_filter_state"

// expiryFilter returns the filter that tells ours, behind it, until when the
// client's certificate is valid. Envoy compares that with the time in a full
// handshake only, and a session that is resumed gets a new ticket each time: a
// client would be let in for as long as it comes back.
func expiryFilter() *listenerv3.Filter {
	return networkFilter(ExpiryFilterName, &setfilterv3.Config{
		OnDownstreamTlsHandshake: []*setstatev3.FilterStateValue{{
			Key:        &setstatev3.FilterStateValue_ObjectKey{ObjectKey: filter.CertificateExpiresKey},
			FactoryKey: "envoy.string",
			Value: &setstatev3.FilterStateValue_FormatString{FormatString: &corev3.SubstitutionFormatString{
				Format: &corev3.SubstitutionFormatString_TextFormatSource{TextFormatSource: &corev3.DataSource{
					Specifier: &corev3.DataSource_InlineString{InlineString: "%DOWNSTREAM_PEER_CERT_V_END(%s)%"},
				}},
			}},
		}},
	})
}
