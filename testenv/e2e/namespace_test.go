package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"wildcard-egress/outcome"
	"wildcard-egress/testenv"
	"wildcard-egress/testenv/certs"
	"wildcard-egress/testenv/dns"
	"wildcard-egress/testenv/envoys"
	"wildcard-egress/testenv/logs"
	"wildcard-egress/testenv/sites"
)

// A DNS server is replaced by one with another address, as /etc/resolv.conf then
// says: Envoy reads it again. It has the file in a mount namespace of its own.
func TestAResolverWithANewAddressIsFound(t *testing.T) {
	second, err := dns.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { second.Close() })
	binary, err := envoys.Find()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	conf, launcher := filepath.Join(dir, "resolv.conf"), filepath.Join(dir, "envoy")
	write := func(path, content string, mode os.FileMode) {
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Error(err)
		}
	}
	nameserver := func(addr string) { write(conf, "nameserver "+addr+"\n", 0o644) }
	nameserver("127.0.0.1") // Envoy's version is asked before DNS is there
	write(launcher, fmt.Sprintf("#!/bin/sh\nexec unshare --map-root-user --mount sh -c "+
		"'mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"' '%s' '%s' \"$@\"\n", conf, binary), 0o755)

	env, good := dnsWorld(t, testenv.Options{Envoy: launcher, EditGateway: func(config []byte) ([]byte, error) {
		named := regexp.MustCompile(`(?m)^ *resolvers:\n *- socket_address:\n *address: (.*)\n *port_value: (.*)\n`)
		first := named.FindSubmatch(config)
		if first == nil {
			return nil, errors.New("the bootstrap names no resolver that could be left out")
		}
		nameserver(fmt.Sprintf("%s:%s", first[1], first[2]))
		return named.ReplaceAll(config, nil), nil
	}})
	// Nothing is lost of what is asked while Envoy reads the file.
	slow := good
	slow.Delay = time.Second
	env.DNS.Set("slow.wikipedia.org", slow)
	wantReached(t, env, "slow.wikipedia.org")

	second.Set("*.wikipedia.org", good)
	wantFreshNames(t, env, func() {
		env.DNS.Set("*.wikipedia.org", dns.Answer{Silent: true})
		nameserver(second.Addr())
	})
}

// An Envoy with IPv6 only, and a NAT64 before it: in a network namespace of its
// own the machine itself answers for both ranges.
func TestIPv6OnlyAndNAT64(t *testing.T) {
	if os.Getenv("WILDCARD_EGRESS_NAMESPACE") == "" {
		inNetwork(t, "ip link set lo up && ip addr add 64:ff9b::101:101/96 dev lo nodad && ip addr add 2606:4700::1/128 dev lo nodad")
		return
	}
	nat64, six := netip.MustParseAddr("64:ff9b::101:101"), netip.MustParseAddr("2606:4700::1")
	for _, family := range []string{"all", "v6_only"} {
		t.Run(family, func(t *testing.T) {
			env, _ := dnsWorld(t, testenv.Options{GatewayFlags: []string{
				"--address-guard", "on", "--guard-allow", "64:ff9b::/96", "--dns-family", family,
			}})
			certificate, err := env.Upstream.Authority.Issue(certs.Subject{DNSNames: []string{"*.wikipedia.org"}})
			if err != nil {
				t.Fatal(err)
			}
			for name, addr := range map[string]netip.Addr{"nat64.wikipedia.org": nat64, "six.wikipedia.org": six} {
				at := netip.AddrPortFrom(addr, env.Upstream.Port()).String()
				site, err := sites.Start(at, sites.Options{Names: []string{name}, Certificate: certificate})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { site.Close() })
				env.DNS.Set(name, dns.Answer{Addrs: []netip.Addr{addr}, TTL: 60})
				wantReached(t, env, name)
				if got := env.GatewayLog.WantEntry(t, logs.Named(name)).Get("upstream_remote_address"); got != at {
					t.Errorf("%s: the line says %s, want %s", name, got, at)
				}
			}
			// 10.0.0.1 behind the NAT64
			env.DNS.Set("private.wikipedia.org", dns.Answer{Addrs: []netip.Addr{netip.MustParseAddr("64:ff9b::a00:1")}, TTL: 60})
			if _, err := env.GetDirect(env.App(), "private.wikipedia.org"); err == nil {
				t.Error("a session with a private address behind NAT64")
			}
			entry := env.GatewayLog.WantEntry(t, logs.Named("private.wikipedia.org"))
			if got := entry.Get("reason"); got != outcome.AddressDenied {
				t.Errorf("a private address behind NAT64: reason %q, want %s", got, outcome.AddressDenied)
			}
		})
	}
}

// inNetwork runs the same test again, where setup was done in a network
// namespace of its own.
func inNetwork(t *testing.T, setup string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "unshare", "--map-root-user", "--net",
		"sh", "-c", setup+` && exec "$@"`, "sh", os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "WILDCARD_EGRESS_NAMESPACE=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
		t.Errorf("in a namespace of its own: %v\n%s", err, out)
	}
}
