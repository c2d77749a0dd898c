package filter

import (
	"log/slog"
	"strconv"
	"strings"

	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"

	"wildcard-egress/filter/policy"
)

// label is what a tracked connection is known by: enough to decide again. None
// of its parts can hold a NUL: a canonical name, printable ASCII, numbers.
func label(id uint32, r policy.Request) string {
	return strings.Join([]string{strconv.FormatUint(uint64(id), 10), r.ServerName, r.Principal,
		strconv.Itoa(int(r.Port))}, "\x00")
}

// ParseLabel returns what a tracked connection asked for, and of which Enforcer
// (its ID). ok is false for any other text.
func ParseLabel(text []byte) (id uint32, r policy.Request, ok bool) {
	parts := strings.Split(string(text), "\x00")
	if len(parts) != 4 {
		return 0, policy.Request{}, false
	}
	number, idErr := strconv.ParseUint(parts[0], 10, 32)
	port, portErr := strconv.ParseUint(parts[3], 10, 16)
	return uint32(number), policy.Request{ServerName: parts[1], Principal: parts[2], Port: uint16(port)},
		idErr == nil && portErr == nil
}

// Revoke ends a connection that was allowed and that a later policy denies.
// Nothing is flushed: a client that stops reading would keep it for ever.
func (e *Enforcer) Revoke(conn Connection) {
	conn.SetText(DecisionKey, policy.Deny.String())
	conn.SetText(ReasonKey, string(Revoked))
	conn.Count(counterOf(Revoked))
	if leftOut, ok := e.limit.allow(); ok {
		e.Log.Info("connection revoked", slog.Int("lines_left_out", leftOut))
	}
	conn.Close(string(Revoked), api.NoFlush)
}
