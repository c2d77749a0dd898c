package clienthello

import "golang.org/x/crypto/cryptobyte"

// Extension types that are looked into (IANA "TLS ExtensionType Values").
const (
	extensionServerName          = 0
	extensionStatusRequest       = 5
	extensionSupportedGroups     = 10
	extensionPointFormats        = 11
	extensionSignatureAlgorithms = 13
	extensionALPN                = 16
	extensionSCT                 = 18
	extensionExtendedMaster      = 23
	extensionPreSharedKey        = 41
	extensionEarlyData           = 42
	extensionSupportedVersions   = 43
	extensionCookie              = 44
	extensionPSKModes            = 45
	extensionCertSignatures      = 50
	extensionKeyShare            = 51
	extensionECH                 = 0xfe0d
	extensionRenegotiation       = 0xff01

	nameTypeHostName = 0
)

// wellFormed reports whether the data of an extension has the form of its
// type. A server that knows the extension refuses the hello otherwise; unknown
// extensions, GREASE included, may hold anything.
func wellFormed(extension uint16, s cryptobyte.String) bool {
	switch extension {
	case extensionStatusRequest:
		return s.Skip(1) && skip16(&s) && skip16(&s) && s.Empty()
	case extensionSupportedGroups, extensionSignatureAlgorithms, extensionCertSignatures:
		list, ok := only16(s)
		return ok && pairs(list)
	case extensionSupportedVersions:
		list, ok := only8(s)
		return ok && pairs(list)
	case extensionPointFormats:
		list, ok := only8(s)
		return ok && !list.Empty()
	case extensionPSKModes, extensionRenegotiation:
		_, ok := only8(s)
		return ok
	case extensionCookie:
		cookie, ok := only16(s)
		return ok && !cookie.Empty()
	case extensionSCT, extensionExtendedMaster, extensionEarlyData:
		return s.Empty()
	case extensionALPN:
		list, ok := only16(s)
		return ok && each(list, skipNonEmpty8)
	case extensionKeyShare:
		list, ok := only16(s)
		return ok && (list.Empty() || each(list, skipKeyShare))
	case extensionPreSharedKey:
		return wellFormedTickets(s)
	case extensionECH:
		return wellFormedECH(s)
	}
	return true
}

// wellFormedTickets knows the form of pre_shared_key (RFC 8446 section 4.2.11).
func wellFormedTickets(s cryptobyte.String) bool {
	var identities, binders cryptobyte.String
	return s.ReadUint16LengthPrefixed(&identities) && each(identities, skipIdentity) &&
		s.ReadUint16LengthPrefixed(&binders) && each(binders, skipNonEmpty8) && s.Empty()
}

// wellFormedECH knows the outer form, which GREASE has too, and the inner
// form, which is empty (RFC 9849 section 5).
func wellFormedECH(s cryptobyte.String) bool {
	const outer, inner = 0, 1
	var form uint8
	if !s.ReadUint8(&form) {
		return false
	}
	switch form {
	case outer:
		return s.Skip(2+2+1) && skip16(&s) && skip16(&s) && s.Empty()
	case inner:
		return s.Empty()
	}
	return false
}

// only8 returns what follows a length of one byte, and whether that is as long.
func only8(s cryptobyte.String) (cryptobyte.String, bool) {
	var length uint8
	ok := s.ReadUint8(&length) && int(length) == len(s)
	return s, ok
}

// only16 returns what follows a length of two bytes, and whether that is as long.
func only16(s cryptobyte.String) (cryptobyte.String, bool) {
	var length uint16
	ok := s.ReadUint16(&length) && int(length) == len(s)
	return s, ok
}

// pairs reports whether list holds values of two bytes, and at least one.
func pairs(list cryptobyte.String) bool { return !list.Empty() && len(list)%2 == 0 }

// each reports whether list holds elements that skip can skip, and at least one.
func each(list cryptobyte.String, skip func(*cryptobyte.String) bool) bool {
	if list.Empty() {
		return false
	}
	for !list.Empty() {
		if !skip(&list) {
			return false
		}
	}
	return true
}

func skip16(s *cryptobyte.String) bool {
	var length uint16
	return s.ReadUint16(&length) && s.Skip(int(length))
}

func skipNonEmpty8(s *cryptobyte.String) bool {
	var length uint8
	return s.ReadUint8(&length) && length > 0 && s.Skip(int(length))
}

func skipNonEmpty16(s *cryptobyte.String) bool {
	var length uint16
	return s.ReadUint16(&length) && length > 0 && s.Skip(int(length))
}

// skipKeyShare skips a group and its key (RFC 8446 section 4.2.8).
func skipKeyShare(s *cryptobyte.String) bool { return s.Skip(2) && skipNonEmpty16(s) }

// skipIdentity skips a ticket and its age (RFC 8446 section 4.2.11).
func skipIdentity(s *cryptobyte.String) bool { return skipNonEmpty16(s) && s.Skip(4) }
