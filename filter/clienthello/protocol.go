package clienthello

import (
	"bytes"
	"errors"
)

// protocols are what else is sent to a gateway of this kind, by how it begins.
// Those where the server speaks first (SMTP, IMAP, MySQL, FTP) send nothing.
var protocols = []struct {
	name   string
	at     int
	prefix string
}{
	{"http2", 0, "PRI * HTTP/2"},
	{"http", 0, "GET "}, {"http", 0, "POST "}, {"http", 0, "PUT "}, {"http", 0, "HEAD "}, {"http", 0, "DELETE "},
	{"http", 0, "OPTIONS "}, {"http", 0, "PATCH "}, {"http_connect", 0, "CONNECT "},
	{"ssh", 0, "SSH-"},
	{"proxy_protocol", 0, "PROXY "}, {"proxy_protocol", 0, "\r\n\r\n\x00\r\nQUIT\n"},
	{"smtp", 0, "EHLO "}, {"smtp", 0, "HELO "},
	{"postgres_ssl_request", 0, "\x00\x00\x00\x08\x04\xd2\x16\x2f"},
	{"postgres_gss_request", 0, "\x00\x00\x00\x08\x04\xd2\x16\x30"},
	{"postgres", 4, "\x00\x03\x00\x00"},
	{"tds", 0, "\x12\x01"}, // MS SQL's prelogin
	{"mongodb", 12, "\xdd\x07\x00\x00"}, {"mongodb", 12, "\xd4\x07\x00\x00"},
	{"redis", 0, "*1\r\n$"}, {"redis", 0, "*2\r\n$"}, {"redis", 0, "*3\r\n$"}, {"redis", 0, "PING\r\n"},
	{"amqp", 0, "AMQP"},
	{"mqtt", 4, "MQTT"},
	{"rdp", 0, "\x03\x00\x00"},
	{"socks5", 0, "\x05\x01\x00"}, {"socks5", 0, "\x05\x02\x00"},
	{"ldap", 2, "\x02\x01\x01"},
	{"ssl2", 2, "\x01\x00\x02"}, {"ssl2", 2, "\x01\x03"}, // a hello of SSL 2.0's form
}

// Protocol names what begins with these bytes, which are no TLS; empty: unknown.
// It is for people: what it says decides nothing.
func Protocol(first []byte) string {
	for _, p := range protocols {
		if len(first) >= p.at && bytes.HasPrefix(first[p.at:], []byte(p.prefix)) {
			return p.name
		}
	}
	return ""
}

// Named is err, of a Parser that was fed first and nothing before, with the name
// of the protocol as its reason if it is ErrNotTLS and the name is known.
func Named(err error, first []byte) error {
	if !errors.Is(err, ErrNotTLS) {
		return err
	}
	if name := Protocol(first); name != "" {
		return &Error{Kind: ErrNotTLS, Reason: name}
	}
	return err
}
