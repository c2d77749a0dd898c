package sites

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"wildcard-egress/testenv/certs"
)

// Upstreams are sites on one port, each on a loopback address of its own, so
// that the address tells which host was reached.
type Upstreams struct {
	Authority *certs.Authority // issued the TLS sites' certificates

	sites []*Site
	next  byte   // last byte of the next site's address
	port  uint16 // 0 before the first site
}

// NewUpstreams returns an empty set whose sites are certified by an authority
// of its own, as public sites are.
func NewUpstreams() (*Upstreams, error) {
	authority, err := certs.NewAuthority("public sites")
	return &Upstreams{Authority: authority, next: 2}, err
}

// Port returns the port that all sites share; 0 while there is none.
func (u *Upstreams) Port() uint16 { return u.port }

// AddTLS starts a TLS site with a certificate for names.
func (u *Upstreams) AddTLS(names ...string) (*Site, error) {
	certificate, err := u.Authority.Issue(certs.Subject{DNSNames: names})
	if err != nil {
		return nil, err
	}
	return u.Add(Options{Names: names, Certificate: certificate})
}

// Add starts a site on the next loopback address.
func (u *Upstreams) Add(o Options) (*Site, error) {
	for ; u.next < 255; u.next++ {
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, u.next}), u.port)
		site, err := Start(addr.String(), o)
		if errors.Is(err, syscall.EADDRINUSE) {
			continue // another process has the port on this address
		}
		if err != nil {
			return nil, err
		}
		u.next++
		u.port = site.AddrPort().Port()
		u.sites = append(u.sites, site)
		return site, nil
	}
	return nil, fmt.Errorf("site %v: no free address left in 127.0.0.0/24", o.Names)
}

// Sites returns all sites in the order they were added.
func (u *Upstreams) Sites() []*Site { return u.sites }

// Site returns the site of that name, the first of its Names; nil if there is none.
func (u *Upstreams) Site(name string) *Site {
	for _, s := range u.sites {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Connections returns how many connections reached any site so far.
func (u *Upstreams) Connections() int {
	n := 0
	for _, s := range u.sites {
		n += len(s.Connections())
	}
	return n
}

// Close stops all sites.
func (u *Upstreams) Close() error {
	var errs []error
	for _, s := range u.sites {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}
