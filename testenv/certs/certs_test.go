package certs_test

import (
	"crypto/tls"
	"crypto/x509"
	"testing"

	"wildcard-egress/testenv/certs"

	"github.com/google/go-cmp/cmp"
)

func TestIdentities(t *testing.T) {
	ids, err := certs.NewIdentities()
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		certificate *tls.Certificate
		uris        []string
		dnsNames    []string
		distrusted  bool // by the mesh's authority
	}{
		"the gateway has its SPIFFE id":               {certificate: ids.Gateway, uris: []string{certs.GatewayID}},
		"the application has its SPIFFE id":           {certificate: ids.App, uris: []string{certs.AppID}},
		"another workload has its SPIFFE id":          {certificate: ids.Payments, uris: []string{certs.PaymentsID}},
		"a foreign trust domain, certified here":      {certificate: ids.ForeignDomain, uris: []string{"spiffe://other.example/ns/default/sa/app"}},
		"two ids in one certificate":                  {certificate: ids.TwoIDs, uris: []string{certs.AppID, certs.PaymentsID}},
		"no id, only a DNS name":                      {certificate: ids.NoID, dnsNames: []string{"app.default.svc.cluster.local"}},
		"an expired certificate is not trusted":       {certificate: ids.Expired, uris: []string{certs.AppID}, distrusted: true},
		"another authority's certificate is no proof": {certificate: ids.Stranger, uris: []string{certs.AppID}, distrusted: true},
	} {
		t.Run(name, func(t *testing.T) {
			leaf := tt.certificate.Leaf
			var uris []string
			for _, uri := range leaf.URIs {
				uris = append(uris, uri.String())
			}
			if diff := cmp.Diff(tt.uris, uris); diff != "" {
				t.Errorf("URI SANs (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.dnsNames, leaf.DNSNames); diff != "" {
				t.Errorf("DNS SANs (-want +got):\n%s", diff)
			}
			_, err := leaf.Verify(x509.VerifyOptions{
				Roots: ids.Authority.Pool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
			})
			if (err != nil) != tt.distrusted {
				t.Errorf("verified by the mesh's authority: %v, want distrusted = %v", err, tt.distrusted)
			}
		})
	}
}

func TestWriteFilesLoadsAgain(t *testing.T) {
	authority, err := certs.NewAuthority("test")
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := authority.Issue(certs.Subject{DNSNames: []string{"site.example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile, err := certs.WriteFiles(certificate, t.TempDir(), "site")
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	if !loaded.Leaf.Equal(certificate.Leaf) {
		t.Errorf("loaded %v, want %v", loaded.Leaf.DNSNames, certificate.Leaf.DNSNames)
	}
}

func TestIssueRefusesBadURI(t *testing.T) {
	authority, err := certs.NewAuthority("test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := authority.Issue(certs.Subject{URIs: []string{"spiffe://%zz"}}); err == nil {
		t.Error("issued a certificate for a URI that is none")
	}
}
