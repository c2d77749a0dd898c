package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"wildcard-egress/bootstrap"
)

// bootstrapFlags are the flags that all bootstraps share. Later tools rely on
// their names.
type bootstrapFlags struct {
	policy         policyFile
	listen, admin  string
	cert, key, ca  string
	resolvers      []string
	upstreamPort   uint16
	addressGuard   string
	accessLog      string
	envoyVersion   string
	maxConnections uint32
	lds            string

	flags *pflag.FlagSet // the command's
}

// defaultAdmin is where a gateway's admin interface is, unless it is told
// otherwise: there too is it asked.
const defaultAdmin = "127.0.0.1:9901"

// plainListen is where a gateway without certificates listens, unless it is
// told otherwise: whoever reaches it can use it.
const plainListen = "127.0.0.1:8443"

// warnOfUnknownCallers says what a gateway without certificates does not do.
func warnOfUnknownCallers(out io.Writer, listen netip.AddrPort) {
	fmt.Fprintf(out, "WARNING: plain TCP, since there are no --cert, --key and --ca: callers are unknown. Rules with\n"+
		"principals allow nobody, and whoever reaches %v can use the gateway.\n", listen)
	if !listen.Addr().IsLoopback() {
		fmt.Fprintln(out, "That is not this machine alone: give the certificates, or listen on 127.0.0.1.")
	}
}

// warnOfOpenAdmin says what an admin interface does that others can reach.
func warnOfOpenAdmin(out io.Writer, address netip.AddrPort) {
	if !address.Addr().IsLoopback() {
		fmt.Fprintf(out, "WARNING: --admin %v: Envoy's admin interface asks nobody for a password. Whoever reaches that\n"+
			"address can read the configuration, end Envoy and change its runtime: use 127.0.0.1, and pass on only\n"+
			"/ready and /stats/prometheus.\n", address)
	}
}

func (f *bootstrapFlags) add(c *cobra.Command, listen, admin string) {
	flags := c.Flags()
	f.flags = flags
	flags.SortFlags = false
	f.policy.add(c, "POLICY")
	flags.StringVar(&f.listen, "listen", listen, "where connections come in, `HOST:PORT`; port 0 lets the kernel choose")
	flags.StringVar(&f.admin, "admin", admin, "Envoy's admin interface, `HOST:PORT`; who reaches it can end Envoy, so keep it on loopback")
	flags.StringVar(&f.cert, "cert", "", "certificate chain of the outer mTLS, a PEM `FILE`; without --cert, --key and --ca it is plain TCP")
	flags.StringVar(&f.key, "key", "", "private key of the outer mTLS, a PEM `FILE`")
	flags.StringVar(&f.ca, "ca", "", "issuers that a peer's certificate may have, a PEM `FILE`")
	flags.StringArrayVar(&f.resolvers, "dns-resolver", nil, "DNS server, `HOST:PORT`; may be repeated (default: the system's)")
	flags.Uint16Var(&f.upstreamPort, "upstream-port", 0, "dial port `N` instead of the rule's, for local trials")
	flags.StringVar(&f.addressGuard, "address-guard", "on", "drop DNS answers with private and special addresses, `on|off`")
	flags.StringVar(&f.accessLog, "access-log", "/dev/stdout", "access log, a JSON line for each connection, to `PATH`")
	flags.StringVar(&f.envoyVersion, "envoy-version", bootstrap.DefaultEnvoyVersion, "the Envoy that will read it, `X.Y`, 1.39 or newer")
	flags.Uint32Var(&f.maxConnections, "max-connections", bootstrap.DefaultMaxConnections,
		"accept `N` connections at a time; keep it well below half of ulimit -Hn, each takes two files")
}

func (f *bootstrapFlags) addLDS(flags *pflag.FlagSet) {
	flags.StringVar(&f.lds, "lds", "", "write the listeners to the file `PATH` and have Envoy read and watch them there")
}

// config checks all the flags and reports every mistake.
func (f *bootstrapFlags) config() (bootstrap.Config, error) {
	var faults faults
	c := bootstrap.Config{
		Listen:                addressFlag(&faults, "--listen", f.listen),
		Admin:                 addressFlag(&faults, "--admin", f.admin),
		AllowPrivateAddresses: choiceFlag(&faults, "--address-guard", f.addressGuard, "on", "off") == "off",
		UpstreamPort:          f.upstreamPort,
		MaxConnections:        f.maxConnections,
	}
	for _, r := range f.resolvers {
		address := addressFlag(&faults, "--dns-resolver", r)
		switch {
		case address.IsValid() && address.Port() == 0:
			faults.add("--dns-resolver %q: no DNS server has port 0; give its port, such as 53", r)
		case address.IsValid() && address.Addr().IsUnspecified():
			faults.add("--dns-resolver %q: give the address of one DNS server, such as 127.0.0.53:53", r)
		}
		c.Resolvers = append(c.Resolvers, address)
	}
	if f.maxConnections == 0 {
		faults.add("--max-connections 0: want 1 or more")
	}
	if err := bootstrap.CheckEnvoyVersion(f.envoyVersion); err != nil {
		faults.add("--envoy-version %w", err)
	}
	f.makeAbsolute(&faults)
	f.keepFiles(&faults)
	c.AccessLog = f.accessLog
	switch {
	case f.cert != "" && f.key != "" && f.ca != "":
		c.TLS = &bootstrap.TLS{Cert: f.cert, Key: f.key, CA: f.ca}
	case f.cert != "" || f.key != "" || f.ca != "":
		faults.add("--cert, --key, --ca: give all three, or none for plain TCP")
	}
	return c, errors.Join(faults...)
}

// makeAbsolute makes the paths absolute, since Envoy may run elsewhere.
func (f *bootstrapFlags) makeAbsolute(faults *faults) {
	for _, path := range []struct {
		flag  string
		value *string
	}{
		{"--policy", (*string)(&f.policy)}, {"--cert", &f.cert}, {"--key", &f.key}, {"--ca", &f.ca},
		{"--access-log", &f.accessLog}, {"--lds", &f.lds},
	} {
		if *path.value == "" || *path.value == "-" {
			continue
		}
		if !utf8.ValidString(*path.value) || strings.ContainsFunc(*path.value, unicode.IsControl) {
			faults.add("%s %q: only UTF-8 without control characters can stand in Envoy's configuration", path.flag, *path.value)
			continue
		}
		absolute, err := filepath.Abs(*path.value)
		if err != nil {
			faults.add("%s: %w", path.flag, err)
			continue
		}
		*path.value = absolute
	}
}

// faults collects what is wrong with a command line.
type faults []error

func (f *faults) add(format string, args ...any) { *f = append(*f, fmt.Errorf(format, args...)) }

func (f faults) err() error { return errors.Join(f...) }

// addressFlag reads HOST:PORT, where HOST is an IP address, localhost, or
// nothing for all IPv4 addresses: what Envoy can bind to without a resolver.
func addressFlag(faults *faults, flag, text string) netip.AddrPort {
	host, port, err := net.SplitHostPort(text)
	if err == nil {
		switch host {
		case "":
			host = "0.0.0.0"
		case "localhost":
			host = "127.0.0.1"
		}
		var address netip.AddrPort
		if address, err = netip.ParseAddrPort(net.JoinHostPort(host, port)); err == nil && address.Addr().Zone() == "" {
			return address
		}
	}
	faults.add("%s %q: want HOST:PORT with an IP address, such as 127.0.0.1:8443 or [::1]:8443", flag, text)
	return netip.AddrPort{}
}

func choiceFlag(faults *faults, flag, text string, choices ...string) string {
	if !slices.Contains(choices, text) {
		faults.add("%s %q: want %s", flag, text, orList(choices))
	}
	return text
}
