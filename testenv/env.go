package testenv

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"

	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/dns"
	"wildcard-egress/testenv/envoys"
	"wildcard-egress/testenv/logs"
	"wildcard-egress/testenv/sites"
)

// Options say what to start. Only Policy has no default.
type Options struct {
	Policy string   // the policy file's content
	Sites  []string // TLS sites by their names; default: the three of the article
	Dir    string   // for all files; default: a new one that Close removes

	Envoy       string // binary; default: envoys.Find
	ModuleDir   string // where libwildcard_egress.so lies; default: built.Dir
	Concurrency int    // workers of each Envoy; 0 is 1

	Plain          bool // no mTLS between sidecar and gateway
	Ambient        bool // ztunnels in place of sidecar and mTLS; see Env.HealthAddr
	WithoutSidecar bool
	Chain          string   // the gateway's: gateway (default) or legacy
	GatewayFlags   []string // further flags of `wildcard-egress bootstrap`
	SidecarFlags   []string
	GatewayArgs    []string // further flags of the gateway's Envoy, such as --log-level=debug
	GatewayEnv     []string // further environment of the gateway's Envoy, NAME=value
	// Progress is told each step as it begins. Nil: nobody.
	Progress func(step string)
	// EditGateway changes the gateway's bootstrap (YAML) before it is used.
	EditGateway func([]byte) ([]byte, error)
}

// ArticleSites are the hosts of the Istio article about wildcard egress.
var ArticleSites = []string{"en.wikipedia.org", "de.wikipedia.org", "cloud.ibm.com"}

// Env is an application's way out, whole: sidecar, gateway, DNS and upstreams.
type Env struct {
	client.Client // dials; it has the addresses and the identities

	Dir        string
	PolicyFile string // what the gateway reads; see WritePolicy
	DNS        *dns.Server
	Upstream   *sites.Upstreams

	Gateway    *envoys.Envoy
	GatewayLog *logs.Access
	Sidecar    *envoys.Envoy // nil with Options.WithoutSidecar
	SidecarLog *logs.Access

	HealthAddr string // of the health listener; in ambient mode only

	options      Options
	envoyVersion string
	meshCA       string // files
	closers      []func() error
}

// New starts everything and returns when it is ready. The caller closes it.
func New(ctx context.Context, o Options) (*Env, error) {
	e := &Env{options: o}
	if err := e.start(ctx); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// Close stops everything, and reports what had stopped by itself.
func (e *Env) Close() error {
	var errs []error
	for _, closer := range slices.Backward(e.closers) {
		errs = append(errs, closer())
	}
	e.closers = nil
	return errors.Join(errs...)
}

// AddTLSSite starts a site with a certificate for names, and lets DNS know. A
// name "*.zone" stands for all names below zone in DNS, for those one label
// below it in the certificate.
func (e *Env) AddTLSSite(names ...string) (*sites.Site, error) {
	site, err := e.Upstream.AddTLS(names...)
	return e.resolve(site, names, err)
}

// AddSite starts a site and lets DNS know its names.
func (e *Env) AddSite(o sites.Options) (*sites.Site, error) {
	site, err := e.Upstream.Add(o)
	return e.resolve(site, o.Names, err)
}

func (e *Env) resolve(site *sites.Site, names []string, err error) (*sites.Site, error) {
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		e.DNS.Set(name, dns.Answer{Addrs: []netip.Addr{site.AddrPort().Addr()}, TTL: 60})
	}
	return site, nil
}

// WritePolicy replaces the policy file at once, as an editor does: by rename,
// and with a newline at its end.
func (e *Env) WritePolicy(content string) error {
	if !strings.HasSuffix(content, "\n") {
		content += "\n"
	}
	next := e.PolicyFile + ".next"
	if err := os.WriteFile(next, []byte(content), 0o600); err != nil {
		return err
	}
	return os.Rename(next, e.PolicyFile)
}

// listed begins the lines in which Envoy names all that is linked into it.
var listed = regexp.MustCompile(`(?m)^\[[^]]*\]\[\d+\]\[info\]\[main\] \[source/server/server\.cc:\d+\]   .*\n`)

// Logs returns the last n bytes of each Envoy's own log, with headings, and without
// the list of its extensions.
func (e *Env) Logs(n int64) string {
	var text strings.Builder
	for _, envoy := range []*envoys.Envoy{e.Gateway, e.Sidecar} {
		if envoy != nil {
			fmt.Fprintf(&text, "--- log of envoy %s\n%s", envoy.Name, listed.ReplaceAllString(envoy.LogTail(n), ""))
		}
	}
	return text.String()
}
