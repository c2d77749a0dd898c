package testenv

import (
	"context"
	"crypto/tls"
	"os"
	"strconv"
	"strings"

	"wildcard-egress/testenv/built"
	"wildcard-egress/testenv/certs"
	"wildcard-egress/testenv/logs"
)

// render asks the built command for a bootstrap, as an operator does.
// TESTENV_DECISION_CACHE sets the gateways' decision cache, so that a whole suite
// can run without it.
func (e *Env) render(ctx context.Context, kind string, identity *tls.Certificate, log *logs.Access, flags ...string) ([]byte, error) {
	args := []string{
		"--policy", e.PolicyFile,
		"--listen", "127.0.0.1:0",
		"--admin", "127.0.0.1:0",
		"--access-log", log.Path(),
		"--dns-resolver", e.DNS.Addr(),
		"--upstream-port", strconv.Itoa(int(e.Upstream.Port())),
		"--address-guard", "off", // the sites are on loopback addresses
		"--envoy-version", e.envoyVersion[:strings.LastIndex(e.envoyVersion, ".")],
	}
	if n := os.Getenv("TESTENV_DECISION_CACHE"); n != "" && kind == "gateway" {
		args = append(args, "--decision-cache", n)
	}
	if !e.options.Plain {
		cert, key, err := certs.WriteFiles(identity, e.Dir, kind)
		if err != nil {
			return nil, err
		}
		args = append(args, "--cert", cert, "--key", key, "--ca", e.meshCA)
	}
	return built.Bootstrap(ctx, kind, append(args, flags...)...)
}
