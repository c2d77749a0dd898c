package hellotest

// Chrome returns a hello in the shape of Chrome 131 and later: GREASE
// everywhere, a post-quantum key share, ECH GREASE; about 1.8 KB.
func Chrome(name string) Hello {
	return Hello{
		Version:     0x0303,
		SessionID:   noise(32),
		Compression: []byte{0},
		Suites: []uint16{
			0x3a3a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030,
			0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035,
		},
		Extensions: []Extension{
			{Type: 0x8a8a},
			{11, []byte{1, 0}},                // ec_point_formats
			{0xff01, []byte{0}},               // renegotiation_info
			{18, nil},                         // signed_certificate_timestamp
			{17613, []byte("\x00\x03\x02h2")}, // application_settings
			{5, []byte{1, 0, 0, 0, 0}},        // status_request
			SignatureAlgorithms(),
			{35, nil}, // session_ticket
			KeyShares(KeyShare{0x4a4a, []byte{0}}, mlkemShare(), x25519Share()),
			SupportedVersions(0xdada, 0x0304, 0x0303),
			{45, []byte{1, 1}}, // psk_key_exchange_modes
			ALPN("h2", "http/1.1"),
			ECH(208),
			{23, nil}, // extended_master_secret
			ServerName(name),
			SupportedGroups(0x4a4a, groupX25519MLKEM768, groupX25519, groupP256, 0x0018),
			{27, []byte{2, 0, 2}}, // compress_certificate: brotli
			{0x5a5a, []byte{0}},
		},
	}
}

// Firefox returns a hello in the shape of Firefox 135 and later.
func Firefox(name string) Hello {
	return Hello{
		Version:     0x0303,
		SessionID:   noise(32),
		Compression: []byte{0},
		Suites: []uint16{
			0x1301, 0x1303, 0x1302, 0xc02b, 0xc02f, 0xcca9, 0xcca8, 0xc02c, 0xc030,
			0xc00a, 0xc009, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035,
		},
		Extensions: []Extension{
			ServerName(name),
			{23, nil},           // extended_master_secret
			{0xff01, []byte{0}}, // renegotiation_info
			SupportedGroups(groupX25519MLKEM768, groupX25519, groupP256, 0x0018, 0x0019, 0x0100, 0x0101),
			{11, []byte{1, 0}}, // ec_point_formats
			{35, nil},          // session_ticket
			ALPN("h2", "http/1.1"),
			{5, []byte{1, 0, 0, 0, 0}},                 // status_request
			{34, []byte{0, 8, 4, 3, 5, 3, 6, 3, 2, 3}}, // delegated_credentials
			{18, nil},                                  // signed_certificate_timestamp
			KeyShares(mlkemShare(), x25519Share(), p256Share()),
			SupportedVersions(0x0304, 0x0303),
			SignatureAlgorithms(),
			{45, []byte{1, 1}},                // psk_key_exchange_modes
			{28, []byte{0x40, 1}},             // record_size_limit
			{27, []byte{6, 0, 1, 0, 2, 0, 3}}, // compress_certificate
			ECH(239),
		},
	}
}

// Curl returns a hello in the shape of curl 8 with OpenSSL 3.0.
func Curl(name string) Hello {
	return Hello{
		Version:     0x0303,
		SessionID:   noise(32),
		Compression: []byte{0},
		Suites: []uint16{
			0x1302, 0x1303, 0x1301, 0xc02c, 0xc030, 0x009f, 0xcca9, 0xcca8, 0xccaa, 0xc02b, 0xc02f,
			0x009e, 0xc024, 0xc028, 0x006b, 0xc023, 0xc027, 0x0067, 0xc00a, 0xc014, 0x0039, 0xc009,
			0xc013, 0x0033, 0x009d, 0x009c, 0x003d, 0x003c, 0x0035, 0x002f, 0x00ff,
		},
		Extensions: []Extension{
			ServerName(name),
			{11, []byte{3, 0, 1, 2}}, // ec_point_formats
			SupportedGroups(groupX25519, groupP256, 0x001e, 0x0019, 0x0018),
			ALPN("h2", "http/1.1"),
			{22, nil}, // encrypt_then_mac
			{23, nil}, // extended_master_secret
			{49, nil}, // post_handshake_auth
			SignatureAlgorithms(),
			SupportedVersions(0x0304, 0x0303),
			{45, []byte{1, 1}}, // psk_key_exchange_modes
			KeyShares(x25519Share()),
			Padding(175),
		},
	}
}

// Old returns a hello of TLS 1.2 or before, as its version says, without the
// extensions that came with TLS 1.3.
func Old(version uint16, extensions ...Extension) Hello {
	return Hello{
		Version:     version,
		Suites:      []uint16{0xc02f, 0xc013, 0x002f, 0x00ff},
		Compression: []byte{0},
		Extensions:  extensions,
	}
}
