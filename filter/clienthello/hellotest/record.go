package hellotest

import "slices"

// The content types of TLS records (RFC 8446 section 5.1).
const (
	ChangeCipherSpec = 20
	Alert            = 21
	Handshake        = 22
	ApplicationData  = 23
)

const maxRecord = 1 << 14

// Record returns one record, with the version that first records have. The
// payload may be longer than TLS allows, up to 65535 bytes.
func Record(contentType byte, payload []byte) []byte {
	header := []byte{contentType, 3, 1, byte(len(payload) >> 8), byte(len(payload))}
	return append(header, payload...)
}

// Records returns message in handshake records of size bytes at most each.
func Records(message []byte, size int) []byte {
	var raw []byte
	for fragment := range slices.Chunk(message, size) {
		raw = append(raw, Record(Handshake, fragment)...)
	}
	return raw
}

// Whole returns message in as few records as TLS allows.
func Whole(message []byte) []byte { return Records(message, maxRecord) }
