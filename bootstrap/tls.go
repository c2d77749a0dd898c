package bootstrap

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// OuterServerName is the server name of the outer mTLS, as Istio's sidecars
// send it: outbound_.<service port>_.<subset>_.<gateway service>.
const OuterServerName = "outbound_.443_.wildcard_.egressgateway.istio-egress.svc.cluster.local"

// TLS names the files, PEM, for one side of the outer mTLS. Envoy reads them.
type TLS struct {
	Cert string // certificate chain, with the SPIFFE ID as its only URI SAN
	Key  string // private key
	CA   string // issuers that a peer's certificate may have
	// IstioAgent takes all three from the agent in Istio's proxy image instead,
	// which renews them.
	IstioAgent bool
}

// downstream asks for a client certificate, as istiod does for a gateway in
// mode ISTIO_MUTUAL, and with the same ALPN. nil is plain TCP.
func (t *TLS) downstream() *corev3.TransportSocket {
	if t == nil {
		return nil
	}
	return tlsSocket(&tlsv3.DownstreamTlsContext{
		CommonTlsContext:         t.common(nil, "istio-peer-exchange", "h2", "http/1.1"),
		RequireClientCertificate: wrapperspb.Bool(true),
	})
}

// upstream wraps connections as Istio's sidecars do. peer is the SPIFFE ID
// that the gateway must have; empty accepts any certificate of the CA. nil is
// plain TCP.
func (t *TLS) upstream(peer string) *corev3.TransportSocket {
	if t == nil {
		return nil
	}
	var names []*tlsv3.SubjectAltNameMatcher
	if peer != "" {
		names = []*tlsv3.SubjectAltNameMatcher{{
			SanType: tlsv3.SubjectAltNameMatcher_URI,
			Matcher: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: peer}},
		}}
	}
	return tlsSocket(&tlsv3.UpstreamTlsContext{
		CommonTlsContext: t.common(names, "istio"),
		Sni:              OuterServerName,
	})
}

func (t *TLS) common(peers []*tlsv3.SubjectAltNameMatcher, alpn ...string) *tlsv3.CommonTlsContext {
	if t.IstioAgent {
		return istioAgentContext(peers, alpn)
	}
	return &tlsv3.CommonTlsContext{
		AlpnProtocols: alpn,
		TlsCertificates: []*tlsv3.TlsCertificate{{
			CertificateChain: file(t.Cert),
			PrivateKey:       file(t.Key),
		}},
		ValidationContextType: &tlsv3.CommonTlsContext_ValidationContext{
			ValidationContext: &tlsv3.CertificateValidationContext{
				TrustedCa:                 file(t.CA),
				MatchTypedSubjectAltNames: peers,
			},
		},
	}
}

func tlsSocket(context proto.Message) *corev3.TransportSocket {
	return &corev3.TransportSocket{
		Name:       "envoy.transport_sockets.tls",
		ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: pack(context)},
	}
}

func file(path string) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: path}}
}
