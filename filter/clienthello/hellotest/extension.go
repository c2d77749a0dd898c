package hellotest

import (
	"crypto/ecdh"
	"crypto/mlkem"

	"golang.org/x/crypto/cryptobyte"
)

const (
	groupX25519         = 0x001d
	groupP256           = 0x0017
	groupX25519MLKEM768 = 0x11ec
)

// Name is one entry of a server_name extension.
type Name struct {
	Type byte // 0 is host_name, the only one there is
	Name string
}

// ServerName returns a server_name extension with one host name (RFC 6066
// section 3).
func ServerName(name string) Extension { return ServerNames(Name{Name: name}) }

// ServerNames returns a server_name extension with any entries.
func ServerNames(names ...Name) Extension {
	return Extension{0, list16(func(b *cryptobyte.Builder) {
		for _, name := range names {
			b.AddUint8(name.Type)
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(name.Name)) })
		}
	})}
}

// ALPN returns an application_layer_protocol_negotiation extension.
func ALPN(protocols ...string) Extension {
	return Extension{16, list16(func(b *cryptobyte.Builder) {
		for _, protocol := range protocols {
			b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(protocol)) })
		}
	})}
}

// SupportedVersions returns a supported_versions extension.
func SupportedVersions(versions ...uint16) Extension {
	return Extension{43, list8(func(b *cryptobyte.Builder) { addUint16s(b, versions) })}
}

// SupportedGroups returns a supported_groups extension.
func SupportedGroups(groups ...uint16) Extension {
	return Extension{10, list16(func(b *cryptobyte.Builder) { addUint16s(b, groups) })}
}

// SignatureAlgorithms returns a signature_algorithms extension with the usual
// ones.
func SignatureAlgorithms() Extension {
	usual := []uint16{0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601}
	return Extension{13, list16(func(b *cryptobyte.Builder) { addUint16s(b, usual) })}
}

// KeyShare is one entry of a key_share extension.
type KeyShare struct {
	Group uint16
	Key   []byte
}

// KeyShares returns a key_share extension.
func KeyShares(shares ...KeyShare) Extension {
	return Extension{51, list16(func(b *cryptobyte.Builder) {
		for _, share := range shares {
			b.AddUint16(share.Group)
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(share.Key) })
		}
	})}
}

// ECH returns an outer encrypted_client_hello extension (RFC 9849 section 5).
// A real one and GREASE look the same.
func ECH(payload int) Extension {
	return Extension{0xfe0d, build(func(b *cryptobyte.Builder) {
		b.AddUint8(0)                       // outer
		addUint16s(b, []uint16{0x01, 0x01}) // HKDF-SHA256, AES-128-GCM
		b.AddUint8(42)                      // config_id
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(noise(32)) })
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(noise(payload)) })
	})}
}

// PreSharedKey returns a pre_shared_key extension with one ticket, which must
// be the last extension.
func PreSharedKey() Extension {
	return Extension{41, build(func(b *cryptobyte.Builder) {
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(noise(160)) })
			b.AddUint32(12345) // obfuscated_ticket_age
		})
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
			b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(noise(32)) })
		})
	})}
}

// Padding returns a padding extension with n zero bytes.
func Padding(n int) Extension { return Extension{21, make([]byte, n)} }

// x25519Share, p256Share and mlkemShare are valid, so that a real server goes
// on to its ServerHello.
func x25519Share() KeyShare {
	key, err := ecdh.X25519().NewPrivateKey(noise(32))
	must(err)
	return KeyShare{groupX25519, key.PublicKey().Bytes()}
}

func p256Share() KeyShare {
	key, err := ecdh.P256().NewPrivateKey(noise(32))
	must(err)
	return KeyShare{groupP256, key.PublicKey().Bytes()}
}

func mlkemShare() KeyShare {
	key, err := mlkem.NewDecapsulationKey768(noise(mlkem.SeedSize))
	must(err)
	return KeyShare{groupX25519MLKEM768, append(key.EncapsulationKey().Bytes(), x25519Share().Key...)}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func list8(add func(*cryptobyte.Builder)) []byte {
	return build(func(b *cryptobyte.Builder) { b.AddUint8LengthPrefixed(add) })
}

func list16(add func(*cryptobyte.Builder)) []byte {
	return build(func(b *cryptobyte.Builder) { b.AddUint16LengthPrefixed(add) })
}
