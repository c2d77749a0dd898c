// Package clienthello reads the server name from the first bytes of a TLS
// connection, without ever being laxer than a TLS server (RFC 8446 sections
// 4.1.2 and 5.1, RFC 6066 section 3). What it accepts, crypto/tls reads as the
// same name.
package clienthello

import "slices"

// DefaultMaxBytes is the default limit of a ClientHello, in bytes.
const DefaultMaxBytes = 16384

const (
	recordHeaderLen  = 5
	maxRecordLen     = 1 << 14 // of a plaintext record, RFC 8446 section 5.1
	messageHeaderLen = 4
)

// Parser reads one ClientHello from a connection's first bytes, in as many
// pieces as they come. The zero value reads hellos of any size that TLS
// allows up to DefaultMaxBytes.
//
// A hello that comes in one record, with one Feed for its body, is read where
// it lies. Any other is copied to a buffer of at most four times what has come,
// whatever was announced.
type Parser struct {
	// MaxBytes limits the handshake message (header included); 0 is DefaultMaxBytes.
	MaxBytes int

	recordHeader  header // of the record that is being read
	recordLeft    int    // payload bytes of that record that are still to come
	records       int
	messageHeader header
	bodyLen       int    // as the message header announces it
	body          []byte // copied so far
	spent         bool   // the result was given
}

// Feed takes the bytes that follow those of the earlier calls. It returns
// ErrIncomplete until the hello is whole, then the hello (bytes behind it are
// ignored), or the reason why it never will be one: an *Error that wraps
// ErrNotTLS, ErrMalformed, ErrTooLarge or ErrNoServerName (test with
// errors.Is). The Hello is empty with all errors but ErrNoServerName. After
// anything but ErrIncomplete Feed must not be called again.
//
// Input is refused at the first byte that no ClientHello can have. Alerts and
// other records of TLS where the hello should be are ErrMalformed; everything
// else that does not begin like a TLS record, SSLv2 included, is ErrNotTLS.
func (p *Parser) Feed(b []byte) (Hello, error) {
	if p.spent {
		return Hello{}, errSpent
	}
	body, err := p.assemble(b)
	if body == nil && err == nil {
		return Hello{}, ErrIncomplete
	}
	p.spent = true
	if err != nil {
		return Hello{}, err
	}
	return parseBody(body)
}

// assemble takes b out of its records and returns the body of the hello once
// it is whole; nil before.
func (p *Parser) assemble(b []byte) ([]byte, error) {
	for len(b) > 0 {
		if p.recordLeft == 0 {
			n, err := p.readRecordHeader(b)
			if err != nil {
				return nil, err
			}
			b = b[n:]
		}
		fragment := b[:min(p.recordLeft, len(b))]
		p.recordLeft -= len(fragment)
		body, err := p.readFragment(fragment, len(b))
		if body != nil || err != nil {
			return body, err
		}
		b = b[len(fragment):]
	}
	return nil, nil
}

// readRecordHeader takes what of b belongs to the record header and returns
// its length. The first header is checked byte by byte, because it tells other
// protocols from TLS; later ones when they are whole.
func (p *Parser) readRecordHeader(b []byte) (int, error) {
	h := &p.recordHeader
	n := h.fill(b, recordHeaderLen)
	if p.records == 0 {
		if err := checkFirstRecord(h); err != nil {
			return n, err
		}
	}
	if h.len < recordHeaderLen {
		return n, nil
	}
	length := int(h.bytes[3])<<8 | int(h.bytes[4])
	switch {
	case h.bytes[0] != recordHandshake:
		return n, errRecordType
	case h.bytes[1] != majorVersion:
		return n, errRecordVersion
	case length == 0:
		return n, errEmptyRecord
	case length > maxRecordLen:
		return n, errRecordTooLong
	}
	h.len = 0
	p.recordLeft = length
	p.records++
	return n, nil
}

// readFragment takes a piece of the handshake message, which may be empty, and
// returns the body once it is whole; nil before. The piece came with available
// bytes.
func (p *Parser) readFragment(b []byte, available int) ([]byte, error) {
	if p.messageHeader.len < messageHeaderLen {
		n := p.messageHeader.fill(b, messageHeaderLen)
		b, available = b[n:], available-n
		if err := p.checkMessageHeader(); err != nil || p.messageHeader.len < messageHeaderLen {
			return nil, err
		}
	}
	missing := p.bodyLen - len(p.body)
	switch {
	case len(b)+p.recordLeft > missing:
		// A ClientHello must end its record (RFC 8446 section 5.1).
		return nil, errDataBehind
	case len(b) == missing && len(p.body) == 0:
		return b, nil
	}
	if len(b) > cap(p.body)-len(p.body) {
		p.body = slices.Grow(p.body, min(missing, max(available, 3*len(p.body)+4*len(b))))
	}
	p.body = append(p.body, b...)
	if len(b) < missing {
		return nil, nil
	}
	return p.body, nil
}

// checkMessageHeader looks at the bytes that are there of the handshake header.
func (p *Parser) checkMessageHeader() error {
	h := &p.messageHeader
	if h.len > 0 && h.bytes[0] != messageClientHello {
		return errNotClientHello
	}
	if h.len < messageHeaderLen {
		return nil
	}
	limit := p.MaxBytes
	if limit <= 0 {
		limit = DefaultMaxBytes
	}
	p.bodyLen = int(h.bytes[1])<<16 | int(h.bytes[2])<<8 | int(h.bytes[3])
	if messageHeaderLen+p.bodyLen > limit {
		return errTooLarge
	}
	return nil
}

// Need returns how many more bytes the parser must have at least before Feed
// can return anything new; at least 1. Feeding fewer is allowed, and useless.
func (p *Parser) Need() int {
	switch {
	case p.recordLeft == 0 && p.records == 0 && p.recordHeader.len < 2:
		return 1 // each of the first two bytes can show that this is not TLS
	case p.recordLeft == 0:
		return recordHeaderLen - p.recordHeader.len
	case p.messageHeader.len == 0:
		return 1
	case p.messageHeader.len < messageHeaderLen:
		return p.needInRecord(messageHeaderLen - p.messageHeader.len)
	}
	return p.needInRecord(p.bodyLen - len(p.body))
}

// needInRecord is Need for missing bytes of the message, which may go on in a
// record whose header can be wrong.
func (p *Parser) needInRecord(missing int) int {
	if missing <= p.recordLeft {
		return max(missing, 1)
	}
	return p.recordLeft + recordHeaderLen
}

// Records returns how many TLS records the hello has taken so far.
func (p *Parser) Records() int { return p.records }

// HelloBytes returns the size of the handshake message, its header included,
// as that announces it; 0 until the header is there.
func (p *Parser) HelloBytes() int {
	if p.messageHeader.len < messageHeaderLen {
		return 0
	}
	return messageHeaderLen + p.bodyLen
}
