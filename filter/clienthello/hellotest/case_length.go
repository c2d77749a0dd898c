package hellotest

import "fmt"

// lengthCases change each length in a hello by one, with the rest as it was,
// so that the levels contradict each other.
func lengthCases() []Case {
	plain := Whole(Old(0x0303, ServerName(Site)).Message())
	// Where the low byte of each length is, in a record with this hello:
	// the record, handshake and fixed fields take 5+4+2+32 bytes; there is no
	// session id, 4 suites, 1 compression method, 1 extension.
	const record, message, sessionID, suites, compression = 4, 8, 43, 45, 54
	const extensions, extension, list, name = 57, 61, 63, 66
	var cases []Case
	for _, c := range []struct {
		name           string
		offset         int
		change         int
		result, reason string
	}{
		{"the record", record, +1, Malformed, "data_behind_hello_in_record"},
		{"the record", record, -1, Incomplete, "incomplete"},
		{"the handshake message", message, +1, Incomplete, "incomplete"},
		{"the handshake message", message, -1, Malformed, "data_behind_hello_in_record"},
		{"the session id", sessionID, +1, Malformed, "bad_cipher_suites"},
		{"the session id", sessionID, +255, Malformed, "bad_session_id"},
		{"the cipher suites", suites, +1, Malformed, "bad_cipher_suites"},
		{"the cipher suites", suites, -1, Malformed, "bad_cipher_suites"},
		{"the cipher suites", suites, +2, Malformed, "bad_compression_methods"},
		{"the cipher suites", suites, -2, Malformed, "bad_compression_methods"},
		{"the compression methods", compression, +1, Malformed, "bad_extensions"},
		{"the compression methods", compression, -1, Malformed, "bad_compression_methods"},
		{"the extensions", extensions, +1, Malformed, "bad_extensions"},
		{"the extensions", extensions, -1, Malformed, "trailing_data"},
		{"the server_name extension", extension, +1, Malformed, "bad_extensions"},
		{"the server_name extension", extension, -1, Malformed, "bad_server_name_list"},
		{"the server_name list", list, +1, Malformed, "bad_server_name_list"},
		{"the server_name list", list, -1, Malformed, "bad_server_name_list"},
		{"the server name", name, +1, Malformed, "bad_server_name_list"},
		{"the server name", name, -1, Malformed, "several_server_names"},
	} {
		raw := append([]byte(nil), plain...)
		raw[c.offset] += byte(c.change)
		next := Case{
			Name:  fmt.Sprintf("a length of %s that is off by %+d", c.name, c.change),
			Bytes: raw, Result: c.result, Reason: c.reason,
		}
		if c.offset > message {
			next.Message = raw[5:]
		}
		cases = append(cases, next)
	}
	return cases
}
