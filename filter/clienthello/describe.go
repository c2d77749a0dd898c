package clienthello

import "golang.org/x/crypto/cryptobyte"

const versionTLS12 = 0x0303

// Protocols returns the protocols that the hello offers by ALPN, in its order
// and as they were sent. It allocates: it is for people, not for decisions.
func (h Hello) Protocols() []string {
	protocols := []string{}
	var list, protocol cryptobyte.String
	for h.protocols.ReadUint16LengthPrefixed(&list); list.ReadUint8LengthPrefixed(&protocol); {
		protocols = append(protocols, string(protocol))
	}
	return protocols
}

// Versions returns the TLS versions that the hello offers, in its order and
// with the numbers of the wire, GREASE (RFC 8701) included. A hello without a
// supported_versions extension offers one version, TLS 1.2 at most, and
// implies those below (RFC 8446 section 4.2.1). It allocates, as Protocols does.
func (h Hello) Versions() []uint16 {
	versions := []uint16{}
	var list cryptobyte.String
	var version uint16
	for h.supportedVersions.ReadUint8LengthPrefixed(&list); list.ReadUint16(&version); {
		versions = append(versions, version)
	}
	if len(versions) == 0 && h.legacyVersion != 0 {
		versions = append(versions, min(h.legacyVersion, versionTLS12))
	}
	return versions
}
