package servername_test

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"wildcard-egress/filter/policy/servername"
)

var (
	label63  = strings.Repeat("a", 63)
	name253  = strings.Repeat(label63+".", 3) + strings.Repeat("b", 61)
	labels63 = strings.Repeat("a.", 126) + "a"
)

func TestParse(t *testing.T) {
	for name, tt := range map[string]struct{ wire, want string }{
		"lower case stays":            {"en.wikipedia.org", "en.wikipedia.org"},
		"upper case is folded":        {"EN.Wikipedia.ORG", "en.wikipedia.org"},
		"one trailing dot is removed": {"example.com.", "example.com"},
		"single label":                {"localhost", "localhost"},
		"underscore":                  {"_sip._tcp.example.com", "_sip._tcp.example.com"},
		"A-label stays":               {"XN--MNCHEN-3YA.de", "xn--mnchen-3ya.de"},
		"bad punycode stays":          {"xn--a.de", "xn--a.de"},
		"digits in front":             {"1.2.3.4.example.com", "1.2.3.4.example.com"},
		"number-like but for one":     {"127.0.0.1a", "127.0.0.1a"},
		"hexadecimal without 0x":      {"a.ff", "a.ff"},
		"almost hexadecimal":          {"a.0xfg", "a.0xfg"},
		"almost hexadecimal, hyphen":  {"a.0x-f", "a.0x-f"},
		"longest label":               {label63 + ".com", label63 + ".com"},
		"longest name":                {name253, name253},
		"longest name with a dot":     {name253 + ".", name253},
		"most labels":                 {labels63, labels63},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := servername.Parse([]byte(tt.wire)); err != nil || got != tt.want {
				t.Errorf("Parse(%q) = %q, %v, want %q", tt.wire, got, err, tt.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for name, wire := range map[string]string{
		"empty": "", "dot": ".", "two trailing dots": "example.com..", "leading dot": ".example.com", "empty label": "a..b",
		"NUL": "example.com\x00", "CR LF": "example.com\r\n", "space": "example .com", "star": "*.example.com",
		"non-ASCII": "münchen.de", "Kelvin sign": "\u212aernel.org", "long s": "\u017ftripe.com", "ideographic dot": "example\u3002com",
		"not UTF-8": "a\xff.com", "label of 64": label63 + "a.com", "name of 254": name253 + "b", "name of 255": name253 + "bb",
		"hyphen first": "-a.com", "hyphen last": "a-.com", "port": "example.com:443", "path": "example.com/", "at": "a@example.com",
		"IPv4": "10.0.0.1", "IPv4 with a dot": "10.0.0.1.", "short IPv4": "127.1", "decimal": "2130706433", "hexadecimal": "0x7f000001",
		"hexadecimal last": "a.0xFF", "bare 0x": "a.0x", "octal": "0177.0.0.01", "IPv6": "::1", "IPv6 in brackets": "[::1]",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := servername.Parse([]byte(wire))
			if got != "" || !errors.Is(err, servername.ErrInvalid) {
				t.Errorf("Parse(%q) = %q, %v, want ErrInvalid", wire, got, err)
			}
			if len(err.Error()) > 4*255+100 {
				t.Errorf("error of %d bytes: %v", len(err.Error()), err)
			}
		})
	}
}

func TestParseAllocatesTheNameOnly(t *testing.T) {
	wire := []byte("EN.wikipedia.org.")
	if n := testing.AllocsPerRun(100, func() { _, _ = servername.Parse(wire) }); n > 1 {
		t.Errorf("Parse allocates %v times, want 1", n)
	}
}

// hostName is the language's description of a canonical name, but for the
// total length.
var hostName = regexp.MustCompile(`^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$`)

var number = regexp.MustCompile(`(^|\.)([0-9]+|0x[0-9a-f]*)$`)

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"en.wikipedia.org", "A.b.", "127.1", "0x7f", "a..b", "-", "\u212a.com", name253 + "."} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		canonical := strings.TrimSuffix(asciiLower(string(wire)), ".")
		want := hostName.MatchString(canonical) && !number.MatchString(canonical) && len(canonical) <= 253
		got, err := servername.Parse(wire)
		if (err == nil) != want || want && got != canonical {
			t.Errorf("Parse(%q) = %q, %v, want ok %v", wire, got, err, want)
		}
		if err == nil {
			if again, err := servername.Parse([]byte(got)); again != got {
				t.Errorf("Parse(%q) = %q, %v, want itself", got, again, err)
			}
		}
	})
}

func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// The bytes come from Envoy's buffer, which may end with the name: nothing
// behind it may be looked at, and a panic would be the answer in the gateway.
func TestParseReadsNothingBehindTheName(t *testing.T) {
	for n := range 600 {
		wire := slices.Clip([]byte(strings.Repeat("a.b", 200)[:n]))
		_, _ = servername.Parse(wire[:n:n])
	}
}
