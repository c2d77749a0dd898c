package filter

import (
	"strconv"
	"strings"

	"wildcard-egress/filter/policy"
)

// request is what is asked of the policy, with the server name as it may be
// shown: canonical when it is a host name, else escaped and cut.
type request struct {
	policy.Request
	shown  string
	detail string // of a refused hello, or which limit is over
	caller string // for whom limits count: the principal, else the source address
}

// maxPrincipal is the longest SPIFFE ID, in bytes (SPIFFE-ID, section 2.3).
const maxPrincipal = 2048

// principal is the caller: the only URI SAN. With none, several, or one that is
// no plain ASCII text it is unknown, which is empty.
func principal(uriSANs []string) string {
	if len(uriSANs) != 1 || len(uriSANs[0]) > maxPrincipal {
		return ""
	}
	for _, c := range []byte(uriSANs[0]) {
		if c <= ' ' || c > '~' {
			return ""
		}
	}
	return uriSANs[0]
}

// RequestedPort is the port that the client asked for, when the mesh tells it
// in an outer server name of the form outbound_.<port>_.<subset>_.<host>
// (Istio, pilot/pkg/model/push_context.go); else 0.
func RequestedPort(outerServerName string) uint16 {
	rest, ok := strings.CutPrefix(outerServerName, "outbound_.")
	if !ok {
		return 0
	}
	digits, rest, ok := strings.Cut(rest, "_.")
	if !ok || !strings.Contains(rest, "_.") || len(digits) > 5 {
		return 0
	}
	port, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return 0
	}
	return uint16(port)
}

// maxShown is how much of a text from the wire is ever shown, in bytes.
const maxShown = 255

// printable is text from the wire that is safe to log: ASCII, escaped, cut.
func printable(wire []byte) string {
	if len(wire) > maxShown {
		wire = wire[:maxShown]
	}
	quoted := strconv.QuoteToASCII(string(wire))
	shown := quoted[1 : len(quoted)-1]
	if len(shown) > maxShown {
		shown = shown[:maxShown]
	}
	return shown
}
