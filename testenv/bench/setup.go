package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// The proxies, by the names that they have in tables.
const (
	floor     = "floor"
	limit     = "limit"
	ours      = "ours"
	unaided   = "unaided"   // ours without its decision cache
	uncounted = "uncounted" // ours without the metrics by rule
	unlimited = "unlimited" // ours with a policy whose limits are off
	legacy    = "legacy"
	terse     = "terse"   // legacy, with the inner access log line alone
	article   = "article" // legacy, with the small DNS cache that the article leaves it
	haproxy   = "haproxy"
	nginx     = "nginx"
)

// drainTime is how long Envoy lets the connections of a changed listener live:
// its default is ten minutes.
const drainTime = 3 * time.Second

// setup is how proxies are started for one comparison.
type setup struct {
	handshake handshake
	workers   int
	hosts     []string // what they allow
	label     string   // behind the proxy's name, if several of a kind run
}

func (s setup) String() string {
	text := map[handshake]string{
		full: "mTLS, full handshake", resumed: "mTLS, resumed", plain: "plain TCP",
		ambient: "ours behind ztunnel (not in the figure), the others in plain TCP",
	}[s.handshake]
	if s.workers == 1 {
		return text
	}
	return fmt.Sprintf("%s, %d workers", text, s.workers)
}

// startProxy starts a proxy and returns when it takes connections.
func (w *world) startProxy(ctx context.Context, kind string, s setup) (p *proxy, err error) {
	switch kind {
	case haproxy:
		p, err = w.startHAProxy(ctx, s)
	case nginx:
		p, err = w.startNginx(ctx, s)
	default:
		p, err = w.startEnvoy(ctx, kind, s)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	return p, nil
}

func (w *world) newProxy(kind string, s setup) *proxy {
	name := kind
	if s.label != "" {
		name += " " + s.label
	}
	return &proxy{
		name: name, kind: kind, file: strings.NewReplacer(" ", "-", ",", "").Replace(name), upstream: w.upstream,
		workers: allThreads,
	}
}
