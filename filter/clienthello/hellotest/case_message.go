package hellotest

// serverNameCases are about the server_name extension.
func serverNameCases() []Case {
	other := ServerName("evil.example")
	inside := Extension{Data: append([]byte{0, 0, 0, byte(len(other.Data))}, other.Data...)}
	return []Case{
		{Name: "no server name", Message: Small().Message(), Result: NoServerName, Reason: "client_must_send_server_name"},
		{Name: "no server name but ECH", Message: Small(ECH(208)).Message(), Result: NoServerName, Reason: "client_must_send_server_name", ECH: true},
		{Name: "TLS 1.2 without extensions", Message: Old(0x0303).Message(), Result: NoServerName, Reason: "client_must_send_server_name"},
		{Name: "an empty extensions block", Message: append(grow(Old(0x0303).Message(), 2), 0, 0), Result: NoServerName, Reason: "client_must_send_server_name"},
		{Name: "a server_name extension inside another", Message: Small(Extension{0x1234, inside.Data}, Padding(8)).Message(), Result: NoServerName, Reason: "client_must_send_server_name"},
		{Name: "an empty server name", Message: Small(ServerName("")).Message(), Result: Malformed, Reason: "empty_server_name"},
		{Name: "an empty server_name list", Message: Small(ServerNames()).Message(), Result: Malformed, Reason: "bad_server_name_list"},
		{Name: "an empty server_name extension", Message: Small(Extension{Type: 0}).Message(), Result: Malformed, Reason: "bad_server_name_list"},
		{Name: "data behind the server_name list", Message: Small(Extension{0, append(ServerName(Site).Data, 0)}).Message(), Result: Malformed, Reason: "bad_server_name_list"},
		{Name: "two server_name extensions", Message: Small(ServerName(Site), other).Message(), Result: Malformed, Reason: "duplicate_extension"},
		{Name: "the same server_name extension twice", Message: Small(ServerName(Site), ServerName(Site)).Message(), Result: Malformed, Reason: "duplicate_extension"},
		{Name: "two names in one extension", Message: Small(ServerNames(Name{0, Site}, Name{0, "evil.example"})).Message(), Result: Malformed, Reason: "several_server_names"},
		{Name: "a name and an entry of another type", Message: Small(ServerNames(Name{0, Site}, Name{1, "evil.example"})).Message(), Result: Malformed, Reason: "several_server_names"},
		{Name: "an entry of another type and a name", Message: Small(ServerNames(Name{1, "evil.example"}, Name{0, Site})).Message(), Result: Malformed, Reason: "unknown_server_name_type"},
		{Name: "a name of another type", Message: Small(ServerNames(Name{1, Site})).Message(), Result: Malformed, Reason: "unknown_server_name_type"},
	}
}

// fieldCases are about the other fields of the ClientHello.
func fieldCases() []Case {
	with := func(change func(*Hello)) []byte {
		h := Small(ServerName(Site))
		change(&h)
		return h.Message()
	}
	return []Case{
		{Name: "SSL 3.0 without extensions", Message: Old(0x0300).Message(), Result: Malformed, Reason: "unsupported_version"},
		{Name: "SSL 3.0 with a server name", Message: Old(0x0300, ServerName(Site)).Message(), Result: Malformed, Reason: "unsupported_version"},
		{Name: "TLS 1.3 with a legacy_version of SSL 3.0", Message: with(func(h *Hello) { h.Version = 0x0300 }), Result: Malformed, Reason: "unsupported_version"},
		{Name: "a legacy_version of SSL 2.0", Message: with(func(h *Hello) { h.Version = 0x0002 }), Result: Malformed, Reason: "unsupported_version"},
		{Name: "a legacy_version of DTLS 1.2", Message: with(func(h *Hello) { h.Version = 0xfefd }), Result: Malformed, Reason: "unsupported_version"},
		{Name: "a legacy_version of TLS 1.3", Message: with(func(h *Hello) { h.Version = 0x0304 }), Result: Accepted},
		{Name: "a session id of 33 bytes", Message: with(func(h *Hello) { h.SessionID = noise(33) }), Result: Malformed, Reason: "bad_session_id"},
		{Name: "no session id", Message: with(func(h *Hello) { h.SessionID = nil }), Result: Accepted},
		{Name: "no cipher suites", Message: with(func(h *Hello) { h.Suites = nil }), Result: Malformed, Reason: "bad_cipher_suites"},
		{Name: "no compression methods", Message: with(func(h *Hello) { h.Compression = nil }), Result: Malformed, Reason: "bad_compression_methods"},
		{Name: "compression methods without null", Message: with(func(h *Hello) { h.Compression = []byte{1} }), Result: Malformed, Reason: "bad_compression_methods"},
		{Name: "compression offered beside null", Message: with(func(h *Hello) { h.Compression = []byte{1, 0} }), Result: Accepted},
		{Name: "data behind the extensions", Message: append(grow(Small(ServerName(Site)).Message(), 1), 0), Result: Malformed, Reason: "trailing_data"},
		{Name: "an empty hello", Message: []byte{1, 0, 0, 0}, Result: Malformed, Reason: "truncated_hello"},
		{Name: "a hello that ends in its random", Message: append([]byte{1, 0, 0, 20, 3, 3}, noise(18)...), Result: Malformed, Reason: "truncated_hello"},
	}
}

// messageCases are about the handshake header.
func messageCases() []Case {
	body := Small(ServerName(Site)).Message()[4:]
	as := func(messageType byte) []byte {
		return append([]byte{messageType, 0, 0, byte(len(body))}, body...)
	}
	return []Case{
		{Name: "a HelloRequest first", Message: []byte{0, 0, 0, 0}, Result: Malformed, Reason: "not_a_client_hello"},
		{Name: "a ServerHello first", Message: as(2), Result: Malformed, Reason: "not_a_client_hello"},
		{Name: "a Certificate first", Message: as(11), Result: Malformed, Reason: "not_a_client_hello"},
		{Name: "a Finished first", Message: as(20), Result: Malformed, Reason: "not_a_client_hello"},
		{Name: "a hello one byte over the default limit", Message: OfSize(Site, 16385), Result: Malformed, Reason: "client_hello_too_large"},
		{Name: "a hello of 60 KiB", Message: OfSize(Site, 60<<10), Result: Malformed, Reason: "client_hello_too_large"},
		{Name: "a hello that announces 16 MiB", Message: []byte{1, 0xff, 0xff, 0xff, 3, 3}, Result: Malformed, Reason: "client_hello_too_large"},
		{
			Name:  "another message behind the hello in its record",
			Bytes: Whole(append(Small(ServerName(Site)).Message(), 20, 0, 0, 0)), Result: Malformed, Reason: "data_behind_hello_in_record",
		},
	}
}

// grow returns message with a header that announces n bytes more.
func grow(message []byte, n int) []byte {
	length := int(message[1])<<16 + int(message[2])<<8 + int(message[3]) + n
	grown := append([]byte{message[0], byte(length >> 16), byte(length >> 8), byte(length)}, message[4:]...)
	return grown
}
