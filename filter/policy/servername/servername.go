// Package servername says what is a host name, on the wire and in a policy. It
// runs for each connection.
package servername

import (
	"errors"
	"fmt"
	"strings"
)

// ErrInvalid is what Parse's errors wrap.
var ErrInvalid = errors.New("not a host name")

// The longest name, and the longest label, in bytes.
const (
	MaxBytes      = 253 // RFC 1035, section 2.3.4, without the root's dot
	MaxLabelBytes = 63  // RFC 1035, section 2.3.4
)

// Parse returns the canonical form of a name from the wire: ASCII
// lower case, one trailing dot removed. It refuses everything that is not a
// host name (policy.md, "Hosts"), IP literals and number-like names included.
// It keeps no reference to wire.
func Parse(wire []byte) (string, error) {
	name := wire
	if n := len(name); n > 0 && name[n-1] == '.' {
		name = name[:n-1]
	}
	if len(name) > MaxBytes {
		return "", fmt.Errorf("%w: %q: longer than %d bytes", ErrInvalid, name[:MaxBytes], MaxBytes)
	}
	var lower [MaxBytes]byte
	for i, c := range name {
		lower[i] = Lower(c)
	}
	canonical := string(lower[:len(name)])
	if fault := Fault(canonical); fault != "" {
		return "", fmt.Errorf("%w: %q: %s", ErrInvalid, wire, fault)
	}
	return canonical, nil
}

// Lower folds ASCII only: Unicode folding would turn other letters, such
// as the Kelvin sign, into ASCII ones.
func Lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// Fault says why a lower-case name without trailing dot is not a host
// name; it is empty for a host name.
func Fault(name string) string {
	if name == "" {
		return "empty name"
	}
	if len(name) > MaxBytes {
		return fmt.Sprintf("longer than %d bytes", MaxBytes)
	}
	start := 0
	for i := range len(name) + 1 {
		if i < len(name) && name[i] != '.' {
			continue
		}
		if fault := LabelFault(name[start:i]); fault != "" {
			return fault
		}
		start = i + 1
	}
	if last := name[strings.LastIndexByte(name, '.')+1:]; isNumber(last) {
		return "the last label is a number, so this is an IP address and not a name"
	}
	return ""
}

// LabelFault says what is wrong with one lower-case label, if anything.
func LabelFault(label string) string {
	switch {
	case label == "":
		return "empty label"
	case len(label) > MaxLabelBytes:
		return fmt.Sprintf("label longer than %d bytes", MaxLabelBytes)
	case label[0] == '-' || label[len(label)-1] == '-':
		return "label with a hyphen at its begin or end"
	}
	for i := range len(label) {
		if !IsByte(label[i]) {
			return fmt.Sprintf("byte %q is not a letter, digit, hyphen or underscore", label[i:i+1])
		}
	}
	return ""
}

// IsByte reports whether c can stand in a lower-case label.
func IsByte(c byte) bool {
	return 'a' <= c && c <= 'z' || IsDigit(c) || c == '-' || c == '_'
}

// IsDigit is true of ASCII digits.
func IsDigit(c byte) bool { return '0' <= c && c <= '9' }

// isNumber reports what inet_aton and URL parsers take for a number: digits,
// or 0x and hexadecimal digits (none is zero).
func isNumber(label string) bool {
	digits, hex := strings.CutPrefix(label, "0x")
	for i := range len(digits) {
		if c := digits[i]; !IsDigit(c) && (!hex || c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
