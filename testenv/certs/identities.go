package certs

import "crypto/tls"

// The SPIFFE ids of the mesh's own workloads.
const (
	GatewayID  = "spiffe://cluster.local/ns/istio-egress/sa/egressgateway"
	AppID      = "spiffe://cluster.local/ns/default/sa/app"
	PaymentsID = "spiffe://cluster.local/ns/payments/sa/checkout"
)

// Identities are the mesh's authority and who shows up at its gateway, with
// good and with odd certificates.
type Identities struct {
	Authority *Authority // the mesh's: the gateway trusts it alone

	Gateway  *tls.Certificate // GatewayID
	App      *tls.Certificate // AppID, what the sidecar uses
	Payments *tls.Certificate // PaymentsID

	ForeignDomain *tls.Certificate // of the mesh's authority, with the id of another trust domain
	TwoIDs        *tls.Certificate // AppID and PaymentsID in one certificate
	NoID          *tls.Certificate // a DNS name only
	Expired       *tls.Certificate // AppID until an hour ago
	Stranger      *tls.Certificate // AppID by an authority that nobody trusts
}

// NewIdentities makes an authority and issues all certificates.
func NewIdentities() (*Identities, error) {
	mesh, err := NewAuthority("mesh")
	if err != nil {
		return nil, err
	}
	foreign, err := NewAuthority("another mesh")
	if err != nil {
		return nil, err
	}
	ids := &Identities{Authority: mesh}
	for _, issue := range []struct {
		to      **tls.Certificate
		by      *Authority
		subject Subject
	}{
		{to: &ids.Gateway, by: mesh, subject: Subject{URIs: []string{GatewayID}}},
		{to: &ids.App, by: mesh, subject: Subject{URIs: []string{AppID}}},
		{to: &ids.Payments, by: mesh, subject: Subject{URIs: []string{PaymentsID}}},
		{to: &ids.ForeignDomain, by: mesh, subject: Subject{URIs: []string{"spiffe://other.example/ns/default/sa/app"}}},
		{to: &ids.TwoIDs, by: mesh, subject: Subject{URIs: []string{AppID, PaymentsID}}},
		{to: &ids.NoID, by: mesh, subject: Subject{DNSNames: []string{"app.default.svc.cluster.local"}}},
		{to: &ids.Expired, by: mesh, subject: Subject{URIs: []string{AppID}, Expired: true}},
		{to: &ids.Stranger, by: foreign, subject: Subject{URIs: []string{AppID}}},
	} {
		if *issue.to, err = issue.by.Issue(issue.subject); err != nil {
			return nil, err
		}
	}
	return ids, nil
}
