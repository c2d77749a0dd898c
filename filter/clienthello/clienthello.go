// Package clienthello reads the server name from the first bytes of a TLS
// connection, without ever being laxer than a TLS server (RFC 8446 section
// 4.1.2 and 5.1, RFC 6066 section 3).
package clienthello

// Hello is what a whole ClientHello says. Its slices are borrowed: from the
// bytes given to Feed, or from the Parser when the hello came in pieces. They
// are valid until the next Feed or until the bytes given to Feed change.
type Hello struct {
	ServerName []byte // the host_name as sent, not yet a checked host name; never empty
	ECH        bool   // has an encrypted_client_hello extension, real or GREASE
}

// Parser reads one ClientHello from a connection's first bytes, in as many
// pieces as they come. The zero value reads hellos of any size that TLS
// allows up to DefaultMaxBytes.
type Parser struct {
	// MaxBytes limits the handshake message (header included); 0 is DefaultMaxBytes.
	MaxBytes int
}

// DefaultMaxBytes is the default limit of a ClientHello, in bytes.
const DefaultMaxBytes = 16384

// Feed takes the bytes that follow those of the earlier calls. It returns
// ErrIncomplete until the hello is whole, then the hello (bytes behind it are
// ignored), or the reason why it never will be one: ErrNotTLS, ErrMalformed,
// ErrTooLarge, ErrNoServerName (test with errors.Is). After anything but
// ErrIncomplete it must not be called again.
func (p *Parser) Feed(b []byte) (Hello, error) { return Hello{}, ErrIncomplete }

// Need returns how many more bytes the parser must have at least before Feed
// can return anything new; at least 1. Feeding fewer is allowed, and useless.
func (p *Parser) Need() int { return 1 }
