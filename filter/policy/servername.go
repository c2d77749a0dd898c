package policy

import (
	"errors"
	"fmt"
	"strings"
)

// ErrInvalidServerName is what ParseServerName's errors wrap.
var ErrInvalidServerName = errors.New("not a host name")

const (
	maxNameBytes  = 253 // RFC 1035, section 2.3.4, without the root's dot
	maxLabelBytes = 63  // RFC 1035, section 2.3.4
)

// ParseServerName returns the canonical form of a name from the wire: ASCII
// lower case, one trailing dot removed. It refuses everything that is not a
// host name (policy.md, "Hosts"), IP literals and number-like names included.
// It keeps no reference to wire.
func ParseServerName(wire []byte) (string, error) {
	name := wire
	if n := len(name); n > 0 && name[n-1] == '.' {
		name = name[:n-1]
	}
	if len(name) > maxNameBytes {
		return "", fmt.Errorf("%w: %q: longer than %d bytes", ErrInvalidServerName, name[:maxNameBytes], maxNameBytes)
	}
	var lower [maxNameBytes]byte
	for i, c := range name {
		lower[i] = lowerByte(c)
	}
	canonical := string(lower[:len(name)])
	if fault := nameFault(canonical); fault != "" {
		return "", fmt.Errorf("%w: %q: %s", ErrInvalidServerName, wire, fault)
	}
	return canonical, nil
}

// lowerByte folds ASCII only: Unicode folding would turn other letters, such
// as the Kelvin sign, into ASCII ones.
func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// nameFault says why a lower-case name without trailing dot is not a host
// name; it is empty for a host name.
func nameFault(name string) string {
	if name == "" {
		return "empty name"
	}
	if len(name) > maxNameBytes {
		return fmt.Sprintf("longer than %d bytes", maxNameBytes)
	}
	start := 0
	for i := range len(name) + 1 {
		if i < len(name) && name[i] != '.' {
			continue
		}
		if fault := labelFault(name[start:i]); fault != "" {
			return fault
		}
		start = i + 1
	}
	if last := name[strings.LastIndexByte(name, '.')+1:]; isNumber(last) {
		return "the last label is a number, so this is an IP address and not a name"
	}
	return ""
}

// labelFault says what is wrong with one lower-case label, if anything.
func labelFault(label string) string {
	switch {
	case label == "":
		return "empty label"
	case len(label) > maxLabelBytes:
		return fmt.Sprintf("label longer than %d bytes", maxLabelBytes)
	case label[0] == '-' || label[len(label)-1] == '-':
		return "label with a hyphen at its begin or end"
	}
	for i := range len(label) {
		if !isNameByte(label[i]) {
			return fmt.Sprintf("byte %q is not a letter, digit, hyphen or underscore", label[i:i+1])
		}
	}
	return ""
}

func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || isDigit(c) || c == '-' || c == '_'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isNumber reports what inet_aton and URL parsers take for a number: digits,
// or 0x and hexadecimal digits (none is zero).
func isNumber(label string) bool {
	digits, hex := strings.CutPrefix(label, "0x")
	for i := range len(digits) {
		if c := digits[i]; !isDigit(c) && (!hex || c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
