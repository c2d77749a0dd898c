package hellotest

import "slices"

// recordCases are about the record layer (RFC 8446 section 5.1).
func recordCases() []Case {
	message := Small(ServerName(Site)).Message()
	whole := Whole(message)
	front, back := Record(Handshake, message[:40]), Record(Handshake, message[40:])
	empty := Record(Handshake, nil)
	wrongVersion := slices.Clone(back)
	wrongVersion[1] = 2
	alert := Record(Alert, []byte{1, 0})
	behind := Records(noise(1<<16), maxRecord)
	cases := []Case{
		{Name: "a hello in records of one byte", Bytes: Records(message, 1), Result: Accepted},
		{Name: "a hello in records of 7 bytes", Bytes: Records(message, 7), Result: Accepted},
		{Name: "a hello in two records", Bytes: join(front, back), Result: Accepted},
		{Name: "a handshake header over four records", Bytes: join(Records(message[:4], 1), Record(Handshake, message[4:])), Result: Accepted},
		{Name: "a hello of 16 KiB in records of one byte", Bytes: Records(OfSize(Site, 16384), 1), Result: Accepted},
		{Name: "an empty record behind the hello", Bytes: join(whole, empty), Result: Accepted},
		{Name: "a refused hello with 64 KiB behind it", Bytes: join(Whole(Small().Message()), behind), Result: NoServerName, Reason: "client_must_send_server_name"},
		{Name: "an empty record first", Bytes: join(empty, whole), Result: Malformed, Reason: "empty_record"},
		{Name: "an empty record amid the hello", Bytes: join(front, empty, back), Result: Malformed, Reason: "empty_record"},
		{Name: "nothing but empty records", Bytes: slices.Repeat(empty, 1000), Result: Malformed, Reason: "empty_record"},
		{Name: "a record of 16385 bytes", Bytes: Record(Handshake, OfSize(Site, 16385)), Result: Malformed, Reason: "record_too_long"},
		{Name: "a record that announces 65535 bytes", Bytes: []byte{Handshake, 3, 1, 0xff, 0xff}, Result: Malformed, Reason: "record_too_long"},
		{Name: "a record that announces 16 KiB and never comes", Bytes: []byte{Handshake, 3, 1, 0x40, 0}, Result: Incomplete, Reason: "incomplete"},
		{Name: "an alert first", Bytes: Record(Alert, []byte{2, 40}), Result: Malformed, Reason: "unexpected_record_type"},
		{Name: "a warning alert in front of the hello", Bytes: join(alert, whole), Result: Malformed, Reason: "unexpected_record_type"},
		{Name: "an alert amid the hello", Bytes: join(front, alert, back), Result: Malformed, Reason: "unexpected_record_type"},
		{Name: "a change_cipher_spec first", Bytes: join(Record(ChangeCipherSpec, []byte{1}), whole), Result: Malformed, Reason: "unexpected_record_type"},
		{Name: "a change_cipher_spec amid the hello", Bytes: join(front, Record(ChangeCipherSpec, []byte{1}), back), Result: Malformed, Reason: "unexpected_record_type"},
		{Name: "application data first", Bytes: Record(ApplicationData, noise(64)), Result: Malformed, Reason: "unexpected_record_type"},
		{Name: "plain text amid the hello", Bytes: join(front, []byte("GET / HTTP/1.1\r\n\r\n")), Result: Malformed, Reason: "unexpected_record_type"},
		{Name: "a second record of version 2", Bytes: join(front, wrongVersion), Result: Malformed, Reason: "unexpected_record_version"},
	}
	for _, cut := range []struct {
		name string
		at   int
	}{
		{"a hello cut off in its record header", 3},
		{"a hello cut off behind its record header", 5},
		{"a hello cut off in its handshake header", 7},
		{"a hello cut off in its random", 30},
		{"a hello cut off one byte before its end", len(whole) - 1},
	} {
		cases = append(cases, Case{Name: cut.name, Bytes: whole[:cut.at:cut.at], Result: Incomplete, Reason: "incomplete"})
	}
	return cases
}

// protocolCases are not TLS over TCP.
func protocolCases() []Case {
	hello := Whole(Small(ServerName(Site)).Message())
	proxyV2 := []byte("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\x7f\x00\x00\x01\x7f\x00\x00\x01\x04\xd2\x01\xbb")
	v2 := append([]byte{0x80, 46, 1, 0, 2, 0, 21, 0, 0, 0, 16}, noise(37)...)
	v2OfV3 := append([]byte{0x80, 46, 1, 3, 1, 0, 21, 0, 0, 0, 16}, noise(37)...)
	cases := []Case{{Name: "nothing at all", Bytes: []byte{}, Result: Incomplete, Reason: "incomplete"}}
	for _, c := range []struct {
		name   string
		bytes  []byte
		reason string
	}{
		{"an HTTP request", []byte("GET / HTTP/1.1\r\nHost: en.wikipedia.org\r\n\r\n"), "not_tls"},
		{"an HTTP CONNECT request", []byte("CONNECT en.wikipedia.org:443 HTTP/1.1\r\n\r\n"), "not_tls"},
		{"an HTTP/2 preface", []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "not_tls"},
		{"an SSH banner", []byte("SSH-2.0-OpenSSH_9.6\r\n"), "not_tls"},
		{"an SMTP greeting", []byte("EHLO mail.example\r\n"), "not_tls"},
		{"a PROXY protocol v1 header and a hello", append([]byte("PROXY TCP4 127.0.0.1 127.0.0.1 1234 443\r\n"), hello...), "not_tls"},
		{"a PROXY protocol v2 header and a hello", append(proxyV2, hello...), "not_tls"},
		{"a Postgres SSLRequest", []byte{0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f}, "not_tls"},
		{"an RDP connection request", []byte{3, 0, 0, 11, 6, 0xe0, 0, 0, 0, 0, 0}, "not_tls"},
		{"an SSL 2.0 hello", v2, "not_tls"},
		{"an SSL 2.0 hello that offers TLS 1.0", v2OfV3, "not_tls"},
		{"a DTLS 1.2 record", []byte{Handshake, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1}, "unknown_record_version"},
		{"a record of version 4", []byte{Handshake, 4, 0, 0, 1, 1}, "unknown_record_version"},
		{"a blank line in front of the hello", append([]byte("\r\n"), hello...), "not_tls"},
		{"zeros", make([]byte, 64), "not_tls"},
	} {
		cases = append(cases, Case{Name: c.name, Bytes: c.bytes, Result: NotTLS, Reason: c.reason})
	}
	return cases
}

func join(parts ...[]byte) []byte { return slices.Concat(parts...) }
