package clienthello

// Values of the wire (RFC 8446 sections 4, 5.1 and appendix D).
const (
	recordChangeCipherSpec = 20
	recordAlert            = 21
	recordHandshake        = 22
	recordApplicationData  = 23
	majorVersion           = 3 // of SSL 3.0 and every TLS
	messageClientHello     = 1
)

// A header collects the first bytes of a record or of a handshake message.
type header struct {
	bytes [recordHeaderLen]byte
	len   int
}

// fill takes from b what the header lacks of want bytes, and returns how many
// bytes it took.
func (h *header) fill(b []byte, want int) int {
	n := copy(h.bytes[h.len:want], b)
	h.len += n
	return n
}

// checkFirstRecord looks at the bytes that are there of the connection's first
// record header.
func checkFirstRecord(h *header) error {
	if h.len >= 1 {
		switch h.bytes[0] {
		case recordHandshake:
		case recordChangeCipherSpec, recordAlert, recordApplicationData:
			return errRecordType
		default:
			return errNotHandshake
		}
	}
	if h.len >= 2 && h.bytes[1] != majorVersion {
		return errNotVersion3
	}
	return nil
}
