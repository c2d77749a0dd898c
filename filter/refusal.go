package filter

import (
	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/document"
)

// TLS alert descriptions (RFC 8446, section 6).
const (
	alertHandshakeFailure = 40
	alertDecodeError      = 50
	alertUnrecognizedName = 112
)

// close ends a refused connection so that a TLS client is told and anybody
// else sees a plain end. A client that has sent nothing, or no TLS, gets no
// bytes: they would mean nothing to it.
func (f *filter) close(reason policy.Reason) {
	switch f.settings.Refusal {
	case document.RefuseWithReset:
		f.conn.Close(string(reason), api.AbortReset)
	case document.RefuseWithClose:
		f.conn.Close(string(reason), api.FlushWrite)
	default:
		if description := alertOf(reason); description != 0 && f.begun {
			f.conn.Write(fatalAlert(description))
		}
		f.conn.Close(string(reason), api.FlushWrite)
	}
}

// alertOf is the alert for a reason; 0: none.
func alertOf(reason policy.Reason) byte {
	switch reason {
	case NotTLS, NotLoopback:
		return 0
	case Malformed, Incomplete:
		return alertDecodeError
	case TooLarge, Timeout:
		return alertHandshakeFailure
	}
	return alertUnrecognizedName
}

// fatalAlert is a whole TLS record. Its version is 1.2, as RFC 8446 section
// 5.1 asks for in every record but the first hello.
func fatalAlert(description byte) []byte {
	return []byte{21, 3, 3, 0, 2, 2, description}
}
