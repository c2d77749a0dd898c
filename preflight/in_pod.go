package preflight

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"wildcard-egress/bootstrap"
)

// InPod is the command that is run in the gateway's pod, which may have no shell:
// its first argument is PodGet or PodLookup.
const (
	InPod     = "in-pod"
	PodGet    = "get"    // a path of Envoy's admin interface
	PodLookup = "lookup" // a host name, with the pod's resolver
)

// Lookup returns the addresses of a name; none if there is no such name.
type Lookup func(name string) ([]netip.Addr, error)

// PlainPod asks in the pod of a plain Envoy, by the command that is in its image.
// Without a namespace it is kubectl's own.
func PlainPod(kubectl Kubectl, namespace, pod string) (Ask, Lookup) {
	args := []string{"exec", pod, "-c", "envoy"}
	if namespace != "" {
		args = append(args, "-n", namespace)
	}
	args = append(args, "--", "/usr/local/bin/wildcard-egress", InPod)
	run := func(what, of string) ([]byte, error) {
		return kubectl(append(args[:len(args):len(args)], what, of)...)
	}
	ask := func(path string) ([]byte, error) { return run(PodGet, path) }
	return ask, func(name string) (all []netip.Addr, err error) {
		out, err := run(PodLookup, name)
		for text := range strings.FieldsSeq(string(out)) {
			if a, parseErr := netip.ParseAddr(text); parseErr == nil {
				all = append(all, a.Unmap())
			}
		}
		return all, err
	}
}

// LookupHere looks names up with the resolver of this machine, or pod.
func LookupHere(ctx context.Context) Lookup {
	return func(name string) ([]netip.Addr, error) {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", strings.TrimSuffix(name, ".")+".")
		var unknown *net.DNSError
		if errors.As(err, &unknown) && unknown.IsNotFound {
			return nil, nil
		}
		if errors.As(err, &unknown) {
			return nil, fmt.Errorf("the resolver says: %s", unknown.Err)
		}
		for i := range all {
			all[i] = all[i].Unmap()
		}
		return all, err
	}
}

// InspectResolver asks whether a gateway behind ztunnel resolves its hosts to the
// sites, and not to the address that leads back to itself. hosts may have
// wildcards: a name below one tells as much.
func InspectResolver(lookup Lookup, hosts []string, vips []netip.Addr) Finding {
	f := Finding{Check: "resolver", Status: Unknown, Detail: "needs: hosts and their address"}
	if len(hosts) == 0 || len(vips) == 0 {
		return f
	}
	name := hosts[0]
	if rest, wild := strings.CutPrefix(name, "*."); wild {
		name = "wildcard-egress-preflight." + rest
	}
	detail, err := resolves(lookup, name, vips)
	f.Status, f.Detail = OK, printable(detail)
	if err != nil {
		f.Status, f.Detail = Fail, printable(err.Error())
		f.Fix = `the pods' DNS must not be ztunnel's (annotation ambient.istio.io/dns-capture: "false"; restart those that are older), and must answer`
	}
	return f
}

func resolves(lookup Lookup, name string, vips []netip.Addr) (string, error) {
	all, err := lookup(name)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	for _, a := range all {
		if slices.Contains(vips, a) || bootstrap.IstioPool.Contains(a) {
			return "", fmt.Errorf("%s is %s, which ztunnel leads back to a gateway", name, a)
		}
	}
	return fmt.Sprintf("%s has %v, none of them ztunnel's", name, all), nil
}
