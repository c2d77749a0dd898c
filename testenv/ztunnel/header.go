package ztunnel

import (
	"encoding/binary"
	"net/netip"
)

// Commands and address families of version 2 (HAProxy, doc/proxy-protocol.txt).
const (
	CommandLocal = 0x20
	CommandProxy = 0x21

	familyUnspecified = 0x00
	familyTCP4        = 0x11
	familyTCP6        = 0x21
)

// IdentityTLV is the type of the TLV that has the caller's SPIFFE ID.
const IdentityTLV = 0xd0

// TLV is one of a header's extensions.
type TLV struct {
	Type  byte
	Value string
}

// Header is a header of the PROXY protocol, version 2. The zero value is one of
// command PROXY, without a caller, once it has addresses of one family.
type Header struct {
	Command     byte // 0 is CommandProxy
	Unspecified bool // has no addresses
	Source      netip.AddrPort
	Destination netip.AddrPort
	TLVs        []TLV
}

// HeaderOf is what ztunnel writes for a caller.
func HeaderOf(identity string, source, destination netip.AddrPort) Header {
	return Header{Source: source, Destination: destination, TLVs: []TLV{{IdentityTLV, identity}}}
}

var signature = []byte("\r\n\r\n\x00\r\nQUIT\n")

// Bytes returns the header as it goes over the wire.
func (h Header) Bytes() []byte {
	var body []byte
	family := byte(familyUnspecified)
	if !h.Unspecified {
		family = familyTCP4
		if h.Destination.Addr().Is6() {
			family = familyTCP6
		}
		body = append(append(body, h.Source.Addr().AsSlice()...), h.Destination.Addr().AsSlice()...)
		body = binary.BigEndian.AppendUint16(body, h.Source.Port())
		body = binary.BigEndian.AppendUint16(body, h.Destination.Port())
	}
	for _, tlv := range h.TLVs {
		body = append(body, tlv.Type)
		body = binary.BigEndian.AppendUint16(body, uint16(len(tlv.Value)))
		body = append(body, tlv.Value...)
	}
	command := h.Command
	if command == 0 {
		command = CommandProxy
	}
	out := append(append([]byte(nil), signature...), command, family)
	out = binary.BigEndian.AppendUint16(out, uint16(len(body)))
	return append(out, body...)
}
