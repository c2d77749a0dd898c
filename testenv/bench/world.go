package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"wildcard-egress/filter/clienthello/hellotest"
	"wildcard-egress/testenv/built"
	"wildcard-egress/testenv/certs"
	"wildcard-egress/testenv/dns"
	"wildcard-egress/testenv/envoys"
)

// names is how many names under the wildcard take turns: more than one, so
// that nothing profits from a single hot one, and few enough to be resolved
// before a measurement begins.
const names = 50

// world is what all proxies share: certificates, DNS, upstream, binaries.
type world struct {
	dir          string
	envoy        string // binary
	envoyVersion string
	moduleDir    string
	identities   *certs.Identities
	files        struct{ cert, key, ca string } // of the gateway, PEM
	dns          *dns.Server
	resolver     netip.AddrPort
	upstream     *upstream
	hellos       [][]byte // one per name, each a whole ClientHello
	closers      []func() error
}

func newWorld(ctx context.Context) (*world, error) {
	w := &world{}
	if err := w.start(ctx); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *world) start(ctx context.Context) (err error) {
	if w.envoy, err = envoys.Find(); err != nil {
		return err
	}
	if w.envoyVersion, err = envoys.Version(ctx, w.envoy); err != nil {
		return err
	}
	if w.moduleDir, err = built.Dir(); err != nil {
		return err
	}
	if w.dir, err = os.MkdirTemp("", "wildcard-egress-bench-"); err != nil {
		return err
	}
	w.closers = append(w.closers, func() error { return os.RemoveAll(w.dir) })
	if err := w.writeCertificates(); err != nil {
		return err
	}
	if w.upstream, err = startUpstream(); err != nil {
		return err
	}
	w.closers = append(w.closers, w.upstream.close)
	if err := w.startDNS(); err != nil {
		return err
	}
	for i := range names {
		hello := hellotest.Chrome(fmt.Sprintf("host-%d.wikipedia.org", i))
		w.hellos = append(w.hellos, hellotest.Whole(hello.Message()))
	}
	return nil
}

func (w *world) writeCertificates() (err error) {
	if w.identities, err = certs.NewIdentities(); err != nil {
		return err
	}
	if w.files.ca, err = w.identities.Authority.WriteFile(w.dir, "ca"); err != nil {
		return err
	}
	w.files.cert, w.files.key, err = certs.WriteFiles(w.identities.Gateway, w.dir, "gateway")
	return err
}

// startDNS starts a server that has one answer for all names, for longer than
// a run lasts: no refresh falls into a measurement.
func (w *world) startDNS() (err error) {
	if w.dns, err = dns.Start(); err != nil {
		return err
	}
	w.closers = append(w.closers, w.dns.Close)
	w.dns.Set("*", dns.Answer{Addrs: []netip.Addr{w.upstream.addr().Addr()}, TTL: 24 * 3600})
	w.resolver, err = netip.ParseAddrPort(w.dns.Addr())
	return err
}

// write replaces a file in the world's folder at once, by rename. name may have
// a folder, which is made.
func (w *world) write(name string, content []byte) error {
	path := filepath.Join(w.dir, name)
	next := path + ".next"
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(next, content, 0o600); err != nil {
		return err
	}
	return os.Rename(next, path)
}

func (w *world) close() error {
	var errs []error
	for _, closer := range slices.Backward(w.closers) {
		errs = append(errs, closer())
	}
	return errors.Join(errs...)
}
