package main

import (
	"net/netip"
	"os"
	"path/filepath"
)

// place is an address that a flag names.
type place struct {
	flag    string
	address netip.AddrPort
}

// apart finds addresses that one Envoy cannot have for two things: it would not
// start, or answer with the wrong one.
func apart(places ...place) error {
	var faults faults
	for i, a := range places {
		for _, b := range places[i+1:] {
			if overlap(a.address, b.address) {
				faults.add("%s %v: it is that of %s %v too; give one of them another port", a.flag, a.address, b.flag, b.address)
			}
		}
	}
	return faults.err()
}

func overlap(a, b netip.AddrPort) bool {
	host, other := a.Addr().Unmap(), b.Addr().Unmap()
	return a.Port() == b.Port() && a.Port() != 0 && host.Is4() == other.Is4() &&
		(host == other || host.IsUnspecified() || other.IsUnspecified())
}

// keepFiles finds files that Envoy's log would be written into. (--lds replaces
// only what this command has written.)
func (f *bootstrapFlags) keepFiles(faults *faults) {
	for _, other := range []string{"policy", "cert", "key", "ca", "lds", "options"} {
		if sameFile(f.accessLog, f.file(other)) {
			faults.add("--access-log %s: that is the file of --%s, which the log would be written into; name another", f.accessLog, other)
		}
	}
}

// file is what a flag names, as it is now.
func (f *bootstrapFlags) file(flag string) string {
	if known := f.flags.Lookup(flag); known != nil {
		return known.Value.String()
	}
	return ""
}

func sameFile(a, b string) bool {
	if a == "" || b == "" || b == "-" {
		return false
	}
	one, errOne := os.Stat(a)
	two, errTwo := os.Stat(b)
	if errOne == nil && errTwo == nil {
		return os.SameFile(one, two)
	}
	a, errOne = filepath.Abs(a)
	b, errTwo = filepath.Abs(b)
	return errOne == nil && errTwo == nil && a == b
}
