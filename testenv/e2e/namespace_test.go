package e2e_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/dns"
	"wildcard-egress/testenv/envoys"
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
		"'mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"' %s %s \"$@\"\n", conf, binary), 0o755)

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
