package cluster

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"

	miekg "github.com/miekg/dns"

	"wildcard-egress/testenv/certs"
	"wildcard-egress/testenv/dns"
	"wildcard-egress/testenv/sites"
)

// Address is the node's, and that of the cluster's resolver.
const Address = "10.99.0.1"

// Sites are the hosts outside of the cluster. They are at public addresses, or
// the gateway's address guard would drop them; in this network namespace those
// lead nowhere else.
var Sites = []struct {
	Address netip.Addr
	Names   []string
}{
	{netip.MustParseAddr("11.0.0.10"), []string{"en.wikipedia.org", "de.wikipedia.org"}},
	{netip.MustParseAddr("11.0.0.11"), []string{"cloud.ibm.com", "example.com", "www.example.com", "example.org"}},
}

// SitePorts are where each of them listens.
var SitePorts = []uint16{443, 8443}

// StartSites starts them; authority is for their certificates.
func StartSites(authority *certs.Authority) error {
	for _, s := range Sites {
		if out, err := exec.Command("ip", "addr", "add", s.Address.String()+"/32", "dev", "lo").CombinedOutput(); err != nil {
			return fmt.Errorf("ip addr add %s: %w: %s", s.Address, err, out)
		}
		var certificate *tls.Certificate
		certificate, err := authority.Issue(certs.Subject{DNSNames: s.Names})
		if err != nil {
			return err
		}
		for _, port := range SitePorts {
			if _, err := sites.Start(netip.AddrPortFrom(s.Address, port).String(), sites.Options{Names: s.Names, Certificate: certificate}); err != nil {
				return err
			}
		}
	}
	return nil
}

// StartResolver starts the cluster's DNS server: it knows the sites, and asks
// the API server for Services.
func StartResolver(ctx context.Context) error {
	server, err := dns.StartAt(Address + ":53")
	if err != nil {
		return err
	}
	for _, s := range Sites {
		for _, name := range s.Names {
			server.Set(name, dns.Answer{Addrs: []netip.Addr{s.Address}, TTL: 30})
		}
	}
	server.SetFunc("*.svc.cluster.local", func(q dns.Query) dns.Answer {
		labels := strings.Split(strings.ToLower(q.Name), ".")
		if len(labels) != len(strings.Split("service.namespace.svc.cluster.local", ".")) {
			return dns.Answer{Code: miekg.RcodeNameError}
		}
		return service(ctx, labels[1], labels[0])
	})
	return nil
}

func service(ctx context.Context, namespace, name string) dns.Answer {
	out, err := exec.CommandContext(ctx, "kubectl", "get", "service", "-n", namespace, name, "-o", "json").Output()
	var found struct {
		Spec struct {
			ClusterIPs []string `json:"clusterIPs"`
		} `json:"spec"`
	}
	if err != nil || json.Unmarshal(out, &found) != nil {
		return dns.Answer{Code: miekg.RcodeNameError}
	}
	answer := dns.Answer{TTL: 5}
	for _, text := range found.Spec.ClusterIPs {
		if address, err := netip.ParseAddr(text); err == nil {
			answer.Addrs = append(answer.Addrs, address)
		}
	}
	return answer
}

// WriteAuthority writes the certificate that applications trust, and returns its
// file in dir.
func WriteAuthority(authority *certs.Authority, dir string) (string, error) {
	file, err := authority.WriteFile(dir, "sites")
	if err != nil {
		return "", err
	}
	return file, os.Chmod(file, 0o644)
}
