package hellotest

// clientCases are hellos that must be read, as real clients send them.
func clientCases() []Case {
	return []Case{
		{Name: "Chrome: post-quantum key share, GREASE, ECH GREASE", Message: Chrome(Site).Message(), Result: Accepted, ECH: true},
		{Name: "Firefox: post-quantum key share, ECH GREASE", Message: Firefox(Site).Message(), Result: Accepted, ECH: true},
		{Name: "curl with OpenSSL 3.0", Message: Curl(Site).Message(), Result: Accepted},
		{Name: "TLS 1.0", Message: Old(0x0301, ServerName(Site)).Message(), Result: Accepted},
		{Name: "TLS 1.1", Message: Old(0x0302, ServerName(Site)).Message(), Result: Accepted},
		{Name: "TLS 1.2", Message: Old(0x0303, ServerName(Site), SignatureAlgorithms()).Message(), Result: Accepted},
		{Name: "TLS 1.3", Message: Small(ServerName(Site)).Message(), Result: Accepted},
		{Name: "TLS 1.3 with a ticket", Message: Small(
			ServerName(Site), Extension{45, []byte{1, 1}}, PreSharedKey(),
		).Message(), Result: Accepted},
		{Name: "TLS 1.2 over a record of version 3.3", Bytes: withRecordVersion(3), Result: Accepted},
		{Name: "a record of version 3.0, as old clients send it", Bytes: withRecordVersion(0), Result: Accepted},
		{Name: "TLS 1.3 with early data behind the hello", Bytes: earlyData(), Result: Accepted},
		{Name: "a hello with 64 KiB of records behind it", Bytes: append(
			Whole(Small(ServerName(Site)).Message()), Records(noise(1<<16), maxRecord)...,
		), Result: Accepted},
		{Name: "a hello with garbage behind its record", Bytes: append(
			Whole(Small(ServerName(Site)).Message()), noise(1000)...,
		), Result: Accepted},
		{Name: "a hello as large as the default limit", Message: OfSize(Site, 16384), Result: Accepted},
		{Name: "16 KiB of unknown extensions", Message: ManyExtensions(Site, 16384), Result: Accepted},
	}
}

func withRecordVersion(minor byte) []byte {
	raw := Whole(Old(0x0303, ServerName(Site)).Message())
	raw[2] = minor
	return raw
}

// earlyData is a TLS 1.3 hello with a ticket, followed by what such clients
// send at once: a middlebox change_cipher_spec and encrypted early data.
func earlyData() []byte {
	hello := Small(ServerName(Site), Extension{45, []byte{1, 1}}, Extension{Type: 42}, PreSharedKey())
	raw := Whole(hello.Message())
	raw = append(raw, Record(ChangeCipherSpec, []byte{1})...)
	return append(raw, Record(ApplicationData, noise(600))...)
}
