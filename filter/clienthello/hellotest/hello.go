// Package hellotest builds the first bytes of connections: ClientHellos as
// browsers and libraries send them, hostile ones, and other protocols. The
// same cases drive the parser's tests and the tests in a real Envoy. All of it
// is deterministic.
package hellotest

import "golang.org/x/crypto/cryptobyte"

// Hello holds the fields of a ClientHello (RFC 8446 section 4.1.2).
type Hello struct {
	Version     uint16 // legacy_version
	SessionID   []byte
	Suites      []uint16
	Compression []byte
	Extensions  []Extension // none: the hello has no extensions block, as before TLS 1.0
}

// Extension is one extension of a ClientHello. Its data may be anything.
type Extension struct {
	Type uint16
	Data []byte
}

// Message returns the handshake message, its header included.
func (h Hello) Message() []byte {
	return build(func(b *cryptobyte.Builder) {
		b.AddUint8(1) // client_hello
		b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
			b.AddUint16(h.Version)
			b.AddBytes(noise(32))
			b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(h.SessionID) })
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { addUint16s(b, h.Suites) })
			b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(h.Compression) })
			if len(h.Extensions) == 0 {
				return
			}
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
				for _, extension := range h.Extensions {
					b.AddUint16(extension.Type)
					b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(extension.Data) })
				}
			})
		})
	})
}

// Small returns the fields of a small hello that a TLS 1.2 or 1.3 server
// answers, with the extensions behind its own.
func Small(extensions ...Extension) Hello {
	own := []Extension{
		SupportedVersions(0x0304, 0x0303), SupportedGroups(groupX25519), SignatureAlgorithms(),
		KeyShares(x25519Share()),
	}
	return Hello{
		Version:     0x0303,
		SessionID:   noise(32),
		Suites:      []uint16{0x1301, 0x1303, 0xc02b, 0xc02f},
		Compression: []byte{0},
		Extensions:  append(own, extensions...),
	}
}

// OfSize returns a message of exactly size bytes, with the name, filled up by
// a padding extension (RFC 7685). The size must leave room for it.
func OfSize(name string, size int) []byte {
	short := size - len(Small(ServerName(name), Padding(0)).Message())
	return Small(ServerName(name), Padding(short)).Message()
}

// ManyExtensions returns a message of about size bytes that is full of empty
// unknown extensions in front of the name.
func ManyExtensions(name string, size int) []byte {
	h := Small()
	for left := size - len(h.Message()) - len(name) - 9; left >= 4; left -= 4 {
		h.Extensions = append(h.Extensions, Extension{Type: 0x4000 + uint16(left/4)})
	}
	h.Extensions = append(h.Extensions, ServerName(name))
	return h.Message()
}

// build returns what add adds. It panics when a length does not fit, which is
// a mistake in the caller's test.
func build(add func(*cryptobyte.Builder)) []byte {
	var b cryptobyte.Builder
	add(&b)
	return b.BytesOrPanic()
}

func addUint16s(b *cryptobyte.Builder, values []uint16) {
	for _, v := range values {
		b.AddUint16(v)
	}
}

// noise returns n bytes that look like nothing.
func noise(n int) []byte {
	bytes := make([]byte, n)
	x := uint32(n) + 1
	for i := range bytes {
		x = x*1664525 + 1013904223
		bytes[i] = byte(x >> 24)
	}
	return bytes
}
