package clienthello

import "errors"

// What Feed's errors wrap.
var (
	ErrIncomplete   = errors.New("the hello is not whole yet")
	ErrNotTLS       = errors.New("not a TLS handshake")
	ErrMalformed    = errors.New("malformed ClientHello")
	ErrTooLarge     = errors.New("ClientHello over the limit")
	ErrNoServerName = errors.New("no server name")
)

// An Error is why a hello is refused. Every error of Feed but ErrIncomplete is
// one. There is a fixed number of them and none holds bytes from the wire.
type Error struct {
	Kind   error  // ErrNotTLS, ErrMalformed, ErrTooLarge or ErrNoServerName
	Reason string // what exactly is wrong, a fixed word in snake_case
}

func (e *Error) Error() string { return e.Kind.Error() + ": " + e.Reason }

// Unwrap returns the kind.
func (e *Error) Unwrap() error { return e.Kind }

func malformed(reason string) *Error { return &Error{Kind: ErrMalformed, Reason: reason} }

// The record layer (RFC 8446 section 5.1) and the handshake header (section 4).
var (
	errNotHandshake   = &Error{Kind: ErrNotTLS, Reason: "not_tls"}
	errNotVersion3    = &Error{Kind: ErrNotTLS, Reason: "unknown_record_version"}
	errRecordType     = malformed("unexpected_record_type")
	errRecordVersion  = malformed("unexpected_record_version")
	errEmptyRecord    = malformed("empty_record")
	errRecordTooLong  = malformed("record_too_long")
	errNotClientHello = malformed("not_a_client_hello")
	errDataBehind     = malformed("data_behind_hello_in_record")
	errTooLarge       = &Error{Kind: ErrTooLarge, Reason: "client_hello_too_large"}
	errSpent          = malformed("fed_after_the_result")
)

// The ClientHello's fields (RFC 8446 section 4.1.2).
var (
	errTruncated   = malformed("truncated_hello")
	errVersion     = malformed("unsupported_version")
	errSessionID   = malformed("bad_session_id")
	errSuites      = malformed("bad_cipher_suites")
	errCompression = malformed("bad_compression_methods")
	errTrailing    = malformed("trailing_data")
)

// Its extensions (RFC 8446 section 4.2, RFC 6066 section 3).
var (
	errExtensions   = malformed("bad_extensions")
	errDuplicate    = malformed("duplicate_extension")
	errExtension    = malformed("bad_extension_data")
	errPSKNotLast   = malformed("pre_shared_key_not_last")
	errNameList     = malformed("bad_server_name_list")
	errNameType     = malformed("unknown_server_name_type")
	errEmptyName    = malformed("empty_server_name")
	errSeveralNames = malformed("several_server_names")
	errNoServerName = &Error{Kind: ErrNoServerName, Reason: "client_must_send_server_name"}
)
