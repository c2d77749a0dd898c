package clienthello

import (
	"bytes"

	"golang.org/x/crypto/cryptobyte"
)

// Hello is what a whole ClientHello says. Its slices are borrowed: from the
// bytes given to Feed, or from the Parser when the hello came in pieces. They
// are valid until the next Feed or until the bytes given to Feed change.
type Hello struct {
	ServerName []byte // the host_name as sent, not yet a checked host name; empty with ErrNoServerName only
	ECH        bool   // has an encrypted_client_hello extension, real or GREASE

	legacyVersion     uint16
	supportedVersions cryptobyte.String // the data of the extension, checked; nil without
	protocols         cryptobyte.String // the data of ALPN, checked; nil without
}

const (
	versionTLS10 = 0x0301
	randomLen    = 32
	maxSessionID = 32
)

// parseBody reads a ClientHello behind its handshake header (RFC 8446 section
// 4.1.2, RFC 5246 section 7.4.1.2).
func parseBody(body []byte) (Hello, error) {
	var hello Hello
	var sessionID, suites, compression, extensions cryptobyte.String
	s := cryptobyte.String(body)
	switch {
	case !s.ReadUint16(&hello.legacyVersion) || !s.Skip(randomLen):
		return Hello{}, errTruncated
	case hello.legacyVersion < versionTLS10 || hello.legacyVersion>>8 != majorVersion:
		return Hello{}, errVersion
	case !s.ReadUint8LengthPrefixed(&sessionID) || len(sessionID) > maxSessionID:
		return Hello{}, errSessionID
	case !s.ReadUint16LengthPrefixed(&suites) || suites.Empty() || len(suites)%2 != 0:
		return Hello{}, errSuites
	case !s.ReadUint8LengthPrefixed(&compression) || bytes.IndexByte(compression, 0) < 0:
		return Hello{}, errCompression
	case s.Empty():
		return hello, errNoServerName // before TLS 1.3 extensions may be absent
	case !s.ReadUint16LengthPrefixed(&extensions):
		return Hello{}, errExtensions
	case !s.Empty():
		return Hello{}, errTrailing
	}
	if err := hello.parseExtensions(extensions); err != nil {
		return Hello{}, err
	}
	if len(hello.ServerName) == 0 {
		return hello, errNoServerName
	}
	return hello, nil
}

func (h *Hello) parseExtensions(s cryptobyte.String) error {
	var seen typeSet
	for !s.Empty() {
		var extension, length uint16
		var data []byte
		if !s.ReadUint16(&extension) || !s.ReadUint16(&length) || !s.ReadBytes(&data, int(length)) {
			return errExtensions
		}
		if !seen.add(extension) {
			return errDuplicate
		}
		if extension == extensionPreSharedKey && !s.Empty() {
			return errPSKNotLast // RFC 8446 section 4.2.11
		}
		if err := h.parseExtension(extension, data); err != nil {
			return err
		}
	}
	return nil
}

func (h *Hello) parseExtension(extension uint16, data cryptobyte.String) error {
	switch extension {
	case extensionServerName:
		return h.parseServerName(data)
	case extensionALPN:
		h.protocols = data
	case extensionSupportedVersions:
		h.supportedVersions = data
	case extensionECH:
		h.ECH = true
	}
	if !wellFormed(extension, data) {
		return errExtension
	}
	return nil
}

// parseServerName reads a server_name extension (RFC 6066 section 3). Like
// OpenSSL and BoringSSL it wants exactly one name, of type host_name.
func (h *Hello) parseServerName(s cryptobyte.String) error {
	var list, name cryptobyte.String
	var nameType uint8
	switch {
	case !s.ReadUint16LengthPrefixed(&list) || !s.Empty():
		return errNameList
	case !list.ReadUint8(&nameType):
		return errNameList
	case nameType != nameTypeHostName:
		return errNameType
	case !list.ReadUint16LengthPrefixed(&name):
		return errNameList
	case name.Empty():
		return errEmptyName
	case !list.Empty():
		return errSeveralNames
	}
	h.ServerName = name
	return nil
}
