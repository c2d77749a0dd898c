package e2e_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/certs"
	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/logs"
	"wildcard-egress/testenv/poll"
)

var tlsVersions = map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13}

// visit opens a connection through the gateway and says how it went: "full" or
// "resumed" and the reason of a refusal, or "handshake_failed".
func visit(t *testing.T, env *testenv.Env, outer client.Outer) string {
	t.Helper()
	conn, err := env.DialGateway(outer)
	if err != nil {
		return "handshake_failed"
	}
	defer conn.Close()
	inner, err := env.Handshake(conn, "en.wikipedia.org")
	if err == nil {
		_, err = client.Ask(inner)
	}
	how := "full"
	if conn.(*tls.Conn).ConnectionState().DidResume {
		how = "resumed"
	}
	conn.Close()
	entry := env.GatewayLog.WantEntry(t, logs.From(conn.LocalAddr()))
	reason := entry.Get("reason")
	if (reason == "") != (err == nil) {
		t.Errorf("reason %q, and the client got %v", reason, err)
	}
	if reason == "handshake_failed" { // in TLS 1.3 the client's part of the handshake ends before
		return reason
	}
	if reason != "" {
		how += " " + reason
	}
	if got := entry.Get("principal"); got != certs.AppID {
		t.Errorf("principal %q, want %s", got, certs.AppID)
	}
	return how
}

func wantVisits(t *testing.T, env *testenv.Env, outer client.Outer, want ...string) {
	t.Helper()
	for i, w := range want {
		if got := visit(t, env, outer); got != w {
			t.Errorf("connection %d: %s, want %s", i+1, got, w)
		}
	}
}

// Envoy looks at the dates of a certificate in full handshakes only.
func TestResumedSessionEndsWithTheCertificate(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, WithoutSidecar: true, Sites: []string{"en.wikipedia.org"}})
	issue := func(t *testing.T, lifetime time.Duration) *tls.Certificate {
		t.Helper()
		c, err := env.Identities.Authority.Issue(certs.Subject{URIs: []string{certs.AppID}, For: lifetime})
		do(t, err)
		return c
	}
	for name, version := range tlsVersions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outer := client.Outer{Version: version}
			var end time.Time // of the certificate
			for lifetime := 4 * time.Second; ; lifetime *= 2 {
				outer.Certificate, outer.Sessions = issue(t, lifetime), tls.NewLRUClientSessionCache(1)
				end = outer.Certificate.Leaf.NotAfter
				got := []string{visit(t, env, outer), visit(t, env, outer), visit(t, env, outer)}
				if time.Now().Before(end) || lifetime > time.Minute { // else this machine is loaded: with a longer one
					if want := []string{"full", "resumed", "resumed"}; !slices.Equal(got, want) {
						t.Errorf("three connections: %v, want %v", got, want)
					}
					break
				}
			}
			// It is valid to the end of that second, by a clock that may be some ticks behind.
			<-time.After(time.Until(end.Add(1500 * time.Millisecond)))
			wantVisits(t, env, outer, "resumed certificate_expired", "resumed certificate_expired")
			outer.Sessions = nil
			wantVisits(t, env, outer, "handshake_failed")
			outer.Certificate, outer.Sessions = issue(t, time.Hour), tls.NewLRUClientSessionCache(1)
			wantVisits(t, env, outer, "full", "resumed")
		})
	}
}

// What Envoy trusts comes by SDS, as from Istio's agent: with each change of it
// Envoy forgets the sessions that it began before.
func TestSessionEndsWithTheTrustInTheCertificate(t *testing.T) {
	foreign, err := certs.NewAuthority("another mesh")
	do(t, err)
	for name, version := range tlsVersions {
		for change, trust := range map[string]func(*certs.Identities) ([]byte, []byte, error){
			"revoked": func(ids *certs.Identities) ([]byte, []byte, error) {
				crl, err := ids.Authority.Revoke(ids.App)
				return ids.Authority.PEM(), crl, err
			},
			"another authority": func(*certs.Identities) ([]byte, []byte, error) { return foreign.PEM(), nil, nil },
		} {
			t.Run(fmt.Sprintf("%s, %s", name, change), func(t *testing.T) {
				t.Parallel()
				file := filepath.Join(t.TempDir(), "trust.json")
				env := testenv.Start(t, testenv.Options{Policy: wikipedia, WithoutSidecar: true, Sites: []string{"en.wikipedia.org"},
					EditGateway: func(text []byte) ([]byte, error) { return withTrustBySDS(text, file) }})
				outer := env.App()
				outer.Version, outer.Sessions = version, tls.NewLRUClientSessionCache(1)
				wantVisits(t, env, outer, "full", "resumed")
				ca, crl, err := trust(env.Identities)
				do(t, err, writeTrust(file, ca, crl))
				poll.Want(t, func() error {
					if got := visit(t, env, outer); got != "handshake_failed" {
						return fmt.Errorf("%s, want handshake_failed", got)
					}
					return nil
				})
				outer.Sessions = nil
				wantVisits(t, env, outer, "handshake_failed")
			})
		}
	}
}

// withTrustBySDS has the gateway take what it trusts from a file, which it watches.
func withTrustBySDS(text []byte, file string) ([]byte, error) {
	var b bootstrapv3.Bootstrap
	if err := fromYAML(text, &b); err != nil {
		return nil, err
	}
	socket := b.StaticResources.Listeners[0].FilterChains[0].TransportSocket
	var context tlsv3.DownstreamTlsContext
	if err := socket.GetTypedConfig().UnmarshalTo(&context); err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(context.CommonTlsContext.GetValidationContext().GetTrustedCa().GetFilename())
	if err != nil {
		return nil, err
	}
	if err := writeTrust(file, ca, nil); err != nil {
		return nil, err
	}
	context.CommonTlsContext.ValidationContextType = &tlsv3.CommonTlsContext_ValidationContextSdsSecretConfig{
		ValidationContextSdsSecretConfig: &tlsv3.SdsSecretConfig{Name: "trust", SdsConfig: &corev3.ConfigSource{
			ResourceApiVersion: corev3.ApiVersion_V3,
			ConfigSourceSpecifier: &corev3.ConfigSource_PathConfigSource{
				PathConfigSource: &corev3.PathConfigSource{Path: file}},
		}}}
	packed, err := anypb.New(&context)
	if err != nil {
		return nil, err
	}
	socket.ConfigType = &corev3.TransportSocket_TypedConfig{TypedConfig: packed}
	return protojson.Marshal(&b)
}

func writeTrust(file string, ca, crl []byte) error {
	trust := &tlsv3.CertificateValidationContext{TrustedCa: inlineBytes(ca)}
	if crl != nil {
		trust.Crl = inlineBytes(crl)
	}
	secret, err := anypb.New(&tlsv3.Secret{Name: "trust", Type: &tlsv3.Secret_ValidationContext{ValidationContext: trust}})
	if err != nil {
		return err
	}
	json, err := protojson.Marshal(&discoveryv3.DiscoveryResponse{Resources: []*anypb.Any{secret}})
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(file+".next", json, 0o600), os.Rename(file+".next", file))
}

func inlineBytes(b []byte) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_InlineBytes{InlineBytes: b}}
}
