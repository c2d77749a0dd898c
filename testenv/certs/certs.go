// Package certs makes certificate authorities, and the certificates of workloads
// and sites.
package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// Authority is a certificate authority whose key lives in memory.
type Authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// Subject is who a certificate is for. It serves clients and servers alike.
type Subject struct {
	CommonName string
	DNSNames   []string
	URIs       []string // such as a SPIFFE id
	Expired    bool     // since an hour
	// For is how long the certificate is valid from now on; 0: two days.
	For time.Duration
}

// NewAuthority returns an authority with a certificate of its own signing.
func NewAuthority(commonName string) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template, err := certificateTemplate(Subject{CommonName: commonName})
	if err != nil {
		return nil, err
	}
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	template.ExtKeyUsage = nil
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("certificate of authority %q: %w", commonName, err)
	}
	certificate, err := x509.ParseCertificate(der)
	return &Authority{certificate: certificate, key: key}, err
}

// Issue returns a certificate for s with a key of its own, Leaf set.
func (a *Authority) Issue(s Subject) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template, err := certificateTemplate(s)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("certificate of %q: %w", s.CommonName, err)
	}
	leaf, err := x509.ParseCertificate(der)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
}

func certificateTemplate(s Subject) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: s.CommonName},
		DNSNames:     s.DNSNames,
		NotBefore:    time.Now().Add(-48 * time.Hour),
		NotAfter:     time.Now().Add(48 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if s.For != 0 {
		template.NotAfter = time.Now().Add(s.For)
	}
	if s.Expired {
		template.NotAfter = time.Now().Add(-time.Hour)
	}
	for _, uri := range s.URIs {
		parsed, err := url.Parse(uri)
		if err != nil {
			return nil, fmt.Errorf("certificate of %q: %w", s.CommonName, err)
		}
		template.URIs = append(template.URIs, parsed)
	}
	return template, nil
}

// Pool returns a pool that trusts a alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// PEM returns a's certificate.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

// Revoke returns a's list of revoked certificates, as PEM.
func (a *Authority) Revoke(revoked ...*tls.Certificate) ([]byte, error) {
	template := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour)}
	for _, c := range revoked {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: c.Leaf.SerialNumber, RevocationTime: template.ThisUpdate})
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, a.certificate, a.key)
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}), err
}

// WriteFile writes a's certificate as PEM to dir/name.pem and returns its path.
func (a *Authority) WriteFile(dir, name string) (string, error) {
	return writePEM(dir, name+".pem", "CERTIFICATE", a.certificate.Raw)
}

// WriteFiles writes c as PEM to dir/name.pem and its key to dir/name-key.pem,
// and returns both paths.
func WriteFiles(c *tls.Certificate, dir, name string) (certFile, keyFile string, err error) {
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		return "", "", err
	}
	if certFile, err = writePEM(dir, name+".pem", "CERTIFICATE", c.Certificate[0]); err != nil {
		return "", "", err
	}
	keyFile, err = writePEM(dir, name+"-key.pem", "PRIVATE KEY", key)
	return certFile, keyFile, err
}

func writePEM(dir, name, block string, der []byte) (string, error) {
	path := filepath.Join(dir, name)
	return path, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: block, Bytes: der}), 0o600)
}
