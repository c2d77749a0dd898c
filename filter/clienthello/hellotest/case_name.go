package hellotest

import "strings"

// nameCases are well-formed hellos whose server name is or is not a host name
// (policy.md, "Hosts").
func nameCases() []Case {
	label63 := strings.Repeat("a", 63)
	name253 := strings.Join([]string{label63, label63, label63, strings.Repeat("b", 61)}, ".")
	var cases []Case
	for _, c := range []struct{ name, sent, canonical string }{
		{"a name in upper case", "EN.Wikipedia.ORG", Site},
		{"a name with one trailing dot", Site + ".", Site},
		{"a name with two trailing dots", Site + "..", ""},
		{"a name with a leading dot", "." + Site, ""},
		{"a name with an empty label", "en..wikipedia.org", ""},
		{"a single dot", ".", ""},
		{"a name with NUL", "en.wikipedia.org\x00.evil.example", ""},
		{"a name with CR LF", "en.wikipedia.org\r\nX-Evil: 1", ""},
		{"a name with a space", "en wikipedia.org", ""},
		{"a name in UTF-8", "bücher.example", ""},
		{"a name in Latin-1", "b\xfccher.example", ""},
		{"a name with an ideographic full stop", "en.wikipedia。org", ""},
		{"a name with the Kelvin sign", "en.wi\u212aipedia.org", ""},
		{"a name with a long s", "en.wikipedia.te\u017ft", ""},
		{"a label of 63 bytes", label63 + ".example", label63 + ".example"},
		{"a label of 64 bytes", label63 + "a.example", ""},
		{"a name of 253 bytes", name253, name253},
		{"a name of 254 bytes", name253 + "b", ""},
		{"a name of 4096 bytes", strings.Repeat("a.", 2048), ""},
		{"an IPv4 address", "10.0.0.1", ""},
		{"an IPv6 address", "2001:db8::1", ""},
		{"an IPv6 address in brackets", "[::1]", ""},
		{"a short IPv4 address", "127.1", ""},
		{"a decimal IPv4 address", "2130706433", ""},
		{"a hexadecimal IPv4 address", "0x7f000001", ""},
		{"an octal IPv4 address", "0177.0.0.1", ""},
		{"an IPv4 address with a trailing dot", "10.0.0.1.", ""},
		{"a name with a port", "en.wikipedia.org:443", ""},
		{"a URL", "https://en.wikipedia.org/", ""},
		{"a wildcard", "*.wikipedia.org", ""},
		{"a name with an underscore", "_acme.wikipedia.org", "_acme.wikipedia.org"},
		{"a label that begins with a hyphen", "-en.wikipedia.org", ""},
		{"a label that ends with a hyphen", "en-.wikipedia.org", ""},
		{"an A-label", "xn--bcher-kva.example", "xn--bcher-kva.example"},
		{"an A-label that decodes to nothing", "xn--zzzzzzzzzz.example", "xn--zzzzzzzzzz.example"},
		{"an A-label without a body", "xn--.example", ""},
	} {
		next := Case{
			Name: c.name, Message: Small(ServerName(c.sent)).Message(),
			Result: Accepted, Sent: c.sent, ServerName: c.canonical,
		}
		if c.canonical == "" {
			next.Result, next.Reason = Malformed, "invalid_server_name"
		}
		cases = append(cases, next)
	}
	return cases
}
