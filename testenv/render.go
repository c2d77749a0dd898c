package testenv

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strconv"

	"wildcard-egress/testenv/built"
	"wildcard-egress/testenv/certs"
	"wildcard-egress/testenv/envoys"
	"wildcard-egress/testenv/logs"
)

// render asks the built command for a bootstrap, as an operator does.
// TESTENV_DECISION_CACHE sets the gateways' decision cache, so that a whole suite
// can run without it.
func (e *Env) render(ctx context.Context, kind string, identity *tls.Certificate, log *logs.Access, flags ...string) ([]byte, error) {
	admin := "127.0.0.1:0"
	if e.options.Ambient {
		// The health listener has to know it: an address that nobody else has.
		host := netip.AddrFrom4([4]byte{127, byte(1 + rand.IntN(250)), byte(rand.IntN(256)), byte(1 + rand.IntN(250))}).String()
		admin, e.HealthAddr = host+":15000", host+":15021"
		flags = append([]string{"--ambient", "--health", e.HealthAddr}, flags...)
	}
	args := []string{
		"--policy", e.PolicyFile,
		"--listen", "127.0.0.1:0",
		"--admin", admin,
		"--access-log", log.Path(),
		"--dns-resolver", e.DNS.Addr(),
		"--upstream-port", strconv.Itoa(int(e.Upstream.Port())),
		"--address-guard", "off", // the sites are on loopback addresses
		"--envoy-version", renderedFor(e.envoyVersion),
	}
	if n := os.Getenv("TESTENV_DECISION_CACHE"); n != "" && kind == "gateway" {
		args = append(args, "--decision-cache", n)
	}
	if !e.options.Plain && !e.options.Ambient {
		cert, key, err := certs.WriteFiles(identity, e.Dir, kind)
		if err != nil {
			return nil, err
		}
		args = append(args, "--cert", cert, "--key", key, "--ca", e.meshCA)
	}
	return built.Bootstrap(ctx, kind, append(without(args, flags), flags...)...)
}

// without leaves out the flags, each with its value, that a test gives itself: the
// command takes none twice.
func without(defaults, given []string) (kept []string) {
	for pair := range slices.Chunk(defaults, 2) {
		if pair[0] == "--dns-resolver" || !slices.Contains(given, pair[0]) {
			kept = append(kept, pair...)
		}
	}
	return kept
}

// renderedFor is the version whose fields an Envoy is given, such as "1.39". One
// that is newer than all that were tried, to be judged, gets those of the newest.
func renderedFor(version string) string {
	var minor, newest int
	if _, err := fmt.Sscanf(version+" "+envoys.DefaultVersion, "1.%d.%d 1.%d", &minor, new(int), &newest); err != nil {
		return version
	}
	return fmt.Sprintf("1.%d", min(minor, newest))
}
