package bootstrap

import (
	"fmt"
	"regexp"
	"strconv"
)

// DefaultEnvoyVersion is the newest Envoy that the bootstraps were tried with.
const DefaultEnvoyVersion = "1.40"

var envoyVersion = regexp.MustCompile(`^v?1\.(\d{1,4})(\.\d+)?$`)

// CheckEnvoyVersion returns nil for the Envoys that the bootstraps are for,
// and otherwise why they are not. All of those take the same fields, so there
// is nothing else to do with a version. A patch level is allowed and ignored.
func CheckEnvoyVersion(version string) error {
	match := envoyVersion.FindStringSubmatch(version)
	if match == nil {
		return fmt.Errorf("%q: want a version such as %s", version, DefaultEnvoyVersion)
	}
	switch minor, _ := strconv.Atoi(match[1]); {
	case minor < 39:
		return fmt.Errorf("%q: needs 1.39 or newer: older ones have no address guard (resolved_address_filter) "+
			"and lack callbacks of the module", version)
	case minor > 40:
		return fmt.Errorf("%q: never tried with one newer than %s; use its fields and validate them with your Envoy",
			version, DefaultEnvoyVersion)
	}
	return nil
}
