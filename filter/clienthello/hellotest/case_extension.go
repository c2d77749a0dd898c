package hellotest

// extensionCases are about the extensions beside server_name.
func extensionCases() []Case {
	with := func(extensions ...Extension) []byte {
		return Small(append(extensions, ServerName(Site))...).Message()
	}
	cases := []Case{
		{Name: "unknown extensions", Message: with(Extension{0x1234, noise(9)}, Extension{0xfffe, nil}), Result: Accepted},
		{Name: "GREASE extensions, suites and versions", Message: grease(), Result: Accepted},
		{Name: "ECH in its inner form", Message: with(Extension{0xfe0d, []byte{1}}), Result: Accepted, ECH: true},
		{Name: "a duplicate known extension", Message: with(ALPN("h2"), ALPN("http/1.1")), Result: Malformed, Reason: "duplicate_extension"},
		{Name: "a duplicate unknown extension", Message: with(Extension{0x1234, nil}, Extension{0x1234, nil}), Result: Malformed, Reason: "duplicate_extension"},
		{Name: "a duplicate GREASE extension", Message: with(Extension{0x8a8a, nil}, Extension{0x8a8a, []byte{0}}), Result: Malformed, Reason: "duplicate_extension"},
		{Name: "many unknown extensions and the first again", Message: manyAnd(0), Result: Malformed, Reason: "duplicate_extension"},
		{Name: "many unknown extensions and the last again", Message: manyAnd(999), Result: Malformed, Reason: "duplicate_extension"},
		{Name: "pre_shared_key in front of server_name", Message: with(PreSharedKey()), Result: Malformed, Reason: "pre_shared_key_not_last"},
	}
	for _, c := range malformedExtensions {
		message := Old(0x0303, ServerName(Site), Extension{c.number, c.data}).Message()
		cases = append(cases, Case{Name: c.name, Message: message, Result: Malformed, Reason: "bad_extension_data"})
	}
	return cases
}

// malformedExtensions have data that a server which knows them refuses.
var malformedExtensions = []struct {
	name   string
	number uint16
	data   []byte
}{
	{"ALPN without protocols", 16, []byte{0, 0}},
	{"ALPN with an empty protocol", 16, []byte{0, 4, 2, 'h', '2', 0}},
	{"ALPN that lies about its length", 16, []byte{0, 9, 2, 'h', '2'}},
	{"ALPN with a protocol that lies about its length", 16, []byte{0, 3, 9, 'h', '2'}},
	{"status_request cut off", 5, []byte{1, 0, 0}},
	{"ec_point_formats without formats", 11, []byte{0}},
	{"signature_algorithms_cert with data behind", 50, []byte{0, 2, 4, 3, 0}},
	{"signed_certificate_timestamp with data", 18, []byte{0}},
	{"extended_master_secret with data", 23, []byte{0}},
	{"early_data with data", 42, []byte{0}},
	{"an empty cookie", 44, []byte{0, 0}},
	{"psk_key_exchange_modes cut off", 45, []byte{2, 1}},
	{"renegotiation_info cut off", 0xff01, nil},
	{"ECH of an unknown form", 0xfe0d, []byte{2}},
	{"ECH cut off", 0xfe0d, []byte{0, 0, 1, 0, 1, 42, 0, 32}},
	{"empty ECH", 0xfe0d, nil},
	{"inner ECH with data", 0xfe0d, []byte{1, 0}},
	{"pre_shared_key without identities", 41, []byte{0, 0, 0, 2, 1, 9}},
	{"pre_shared_key without binders", 41, []byte{0, 7, 0, 1, 9, 0, 0, 0, 0, 0, 0}},
	{"pre_shared_key with an empty label", 41, []byte{0, 6, 0, 0, 0, 0, 0, 0, 0, 2, 1, 9}},
	{"supported_versions with an odd length", 43, []byte{3, 3, 4, 3}},
	{"supported_versions without versions", 43, []byte{0}},
	{"supported_groups with an odd length", 10, []byte{0, 3, 0, 29, 0}},
	{"supported_groups without groups", 10, []byte{0, 0}},
	{"signature_algorithms cut off", 13, []byte{0, 4, 4, 3}},
	{"a key share with an empty key", 51, []byte{0, 4, 0, 29, 0, 0}},
	{"a key share that lies about its length", 51, []byte{0, 5, 0, 29, 0, 9, 1}},
}

func grease() []byte {
	h := Small(Extension{0x0a0a, nil}, ServerName(Site), Extension{0xfafa, []byte{0}})
	h.Suites = append([]uint16{0x2a2a}, h.Suites...)
	h.Extensions[0] = SupportedVersions(0x1a1a, 0x0304, 0x0303)
	return h.Message()
}

// manyAnd has 1000 unknown extensions, and the given one of them again.
func manyAnd(again uint16) []byte {
	h := Small(ServerName(Site))
	for i := range uint16(1000) {
		h.Extensions = append(h.Extensions, Extension{Type: 0x4000 + i})
	}
	h.Extensions = append(h.Extensions, Extension{Type: 0x4000 + again})
	return h.Message()
}
