package clienthello_test

import (
	"testing"

	"wildcard-egress/filter/clienthello"
)

func TestProtocol(t *testing.T) {
	for name, first := range map[string][]string{
		"http":                 {"GET / HTTP/1.1\r\n", "POST /", "HEAD /"},
		"http_connect":         {"CONNECT example.com:443 HTTP/1.1\r\n"},
		"http2":                {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
		"ssh":                  {"SSH-2.0-OpenSSH_9.6\r\n"},
		"proxy_protocol":       {"PROXY TCP4 127.0.0.1", "\r\n\r\n\x00\r\nQUIT\n\x21\x11"},
		"postgres_ssl_request": {"\x00\x00\x00\x08\x04\xd2\x16\x2f"},
		"postgres":             {"\x00\x00\x00\x29\x00\x03\x00\x00user\x00"},
		"tds":                  {"\x12\x01\x00\x2f\x00\x00\x01\x00"},
		"mongodb":              {"\x29\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\xdd\x07\x00\x00"},
		"redis":                {"*1\r\n$4\r\nPING\r\n"},
		"mqtt":                 {"\x10\x0e\x00\x04MQTT\x04"},
		"ldap":                 {"\x30\x1d\x02\x01\x01\x77"},
		"":                     {"", "G", "\x00", "something else", "\x16\x03\x01"},
	} {
		for _, bytes := range first {
			if got := clienthello.Protocol([]byte(bytes)); got != name {
				t.Errorf("Protocol(%q) = %q, want %q", bytes, got, name)
			}
		}
	}
}
