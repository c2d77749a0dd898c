package document_test

import (
	"strings"
	"testing"

	"wildcard-egress/filter/policy/document"
)

var (
	label63 = strings.Repeat("a", 63)
	name253 = strings.Repeat(label63+".", 3) + strings.Repeat("b", 61)
)

func TestParsePattern(t *testing.T) {
	for name, tt := range map[string]struct {
		text, want, domain, cover string
		kind                      document.Kind
	}{
		"exact name":                    {text: "example.com", want: "example.com", domain: "example.com", cover: "example.com", kind: document.Exact},
		"upper case and trailing dot":   {text: "Example.COM.", want: "example.com", domain: "example.com", cover: "example.com", kind: document.Exact},
		"single label":                  {text: "localhost", want: "localhost", domain: "localhost", cover: "localhost", kind: document.Exact},
		"U-label":                       {text: "MÜNCHEN.de", want: "xn--mnchen-3ya.de", domain: "xn--mnchen-3ya.de", cover: "xn--mnchen-3ya.de", kind: document.Exact},
		"wildcard":                      {text: "*.example.com", want: "*.example.com", domain: "example.com", cover: "*.example.com", kind: document.Wildcard},
		"wildcard under a U-label":      {text: "*.bücher.example.", want: "*.xn--bcher-kva.example", domain: "xn--bcher-kva.example", cover: "*.xn--bcher-kva.example", kind: document.Wildcard},
		"two stars in front say one":    {text: "**.example.com", want: "*.example.com", domain: "example.com", cover: "*.example.com", kind: document.Wildcard},
		"wildcard under a suffix":       {text: "*.com", want: "*.com", domain: "com", cover: "*.com", kind: document.Wildcard},
		"any":                           {text: "*", want: "*", cover: "*", kind: document.Any},
		"glob":                          {text: "EC2.*.amazonaws.com", want: "ec2.*.amazonaws.com", domain: "amazonaws.com", cover: "*.amazonaws.com", kind: document.Glob},
		"glob in the label":             {text: "api-*.x.example.com", want: "api-*.x.example.com", domain: "x.example.com", cover: "*.x.example.com", kind: document.Glob},
		"glob with a literal end":       {text: "*-api.example.com", want: "*-api.example.com", domain: "example.com", cover: "*.example.com", kind: document.Glob},
		"glob under any depth":          {text: "*.ec2.*.amazonaws.com", want: "*.ec2.*.amazonaws.com", domain: "amazonaws.com", cover: "*.amazonaws.com", kind: document.Glob},
		"glob beside a U-label":         {text: "a*.bücher.example", want: "a*.xn--bcher-kva.example", domain: "xn--bcher-kva.example", cover: "*.xn--bcher-kva.example", kind: document.Glob},
		"braces and classes":            {text: "{a,b[0-9]}.example.co.uk", want: "{a,b[0-9]}.example.co.uk", domain: "example.co.uk", cover: "*.example.co.uk", kind: document.Glob},
		"own names in shared storage":   {text: "mycorp-*.s3.us-east-1.amazonaws.com", want: "mycorp-*.s3.us-east-1.amazonaws.com", domain: "s3.us-east-1.amazonaws.com", cover: "*.s3.us-east-1.amazonaws.com", kind: document.Glob},
		"own names under blob storage":  {text: "prod*.blob.core.windows.net", want: "prod*.blob.core.windows.net", domain: "blob.core.windows.net", cover: "*.blob.core.windows.net", kind: document.Glob},
		"services of one API domain":    {text: "*-aiplatform.googleapis.com", want: "*-aiplatform.googleapis.com", domain: "googleapis.com", cover: "*.googleapis.com", kind: document.Glob},
		"decomposed U-label":            {text: "bu\u0308cher.example", want: "xn--bcher-kva.example", domain: "xn--bcher-kva.example", cover: "xn--bcher-kva.example", kind: document.Exact},
		"registrable name below a star": {text: "a?.s3.example.com", want: "a?.s3.example.com", domain: "s3.example.com", cover: "*.s3.example.com", kind: document.Glob},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := document.ParsePattern(tt.text)
			if err != nil || got.String() != tt.want || got.Domain() != tt.domain || got.Cover() != tt.cover || got.Kind() != tt.kind {
				t.Errorf("ParsePattern(%q) = %v (domain %q, cover %q, kind %d), %v", tt.text, got, got.Domain(), got.Cover(), got.Kind(), err)
			}
			if again, err := document.ParsePattern(got.String()); again != got {
				t.Errorf("ParsePattern(%q) = %v, %v, want itself", got, again, err)
			}
		})
	}
}

// A deny rule opens nothing, so its globs may end as they like.
func TestParseDenyPattern(t *testing.T) {
	for text, tt := range map[string]struct{ matches, not string }{
		"evil*.blob.core.windows.net": {"evil1.blob.core.windows.net", "good.blob.core.windows.net"},
		"*evil*":                      {"xevilx", "evil.com"},
		"**evil**":                    {"a.evil.com", "example.com"},
		"*example.com":                {"evilexample.com", "a.example.com"},
		"api.*.com":                   {"api.x.com", "api.x.y.com"},
		"www.example.{com,org}":       {"www.example.org", "www.example.net"},
		"*.*.ru":                      {"a.b.c.ru", "b.ru"},
		"tracker.**":                  {"tracker.example.com", "example.com"},
	} {
		p, err := document.ParseDenyPattern(text)
		if err != nil {
			t.Errorf("ParseDenyPattern(%q): %v", text, err)
			continue
		}
		if !p.Matches(tt.matches) || p.Matches(tt.not) {
			t.Errorf("%q matches %q: %v, and %q: %v", text, tt.matches, p.Matches(tt.matches), tt.not, p.Matches(tt.not))
		}
		if again, err := document.ParseDenyPattern(p.String()); again != p {
			t.Errorf("ParseDenyPattern(%q) = %v, %v, want itself", p, again, err)
		}
	}
}

func TestParsePatternSaysTheFix(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"wildcard without domain":      {"*.", `"*.": a wildcard needs a domain, such as "*.example.com"`},
		"empty":                        {"", "write a name"},
		"dot":                          {".", "empty name"},
		"two stars":                    {"**", `write "*"`},
		"star without dot":             {"*example.com", "registrable domain must be literal"},
		"star in the registrable name": {"api.*.com", "registrable domain must be literal"},
		"glob in a public suffix":      {"x*.co.uk", "registrable domain must be literal"},
		"braces over the suffix":       {"www.example.{com,org}", "registrable domain must be literal"},
		"braces over the domain":       {"{a,b}.com", "registrable domain must be literal"},
		"star last":                    {"example.*", "registrable domain must be literal"},
		"names the suffix":             {"api.*.co.uk", `"co.uk" is a public suffix (publicsuffix.org)`},
		"IPv4":                         {"10.0.0.1", "IP address"},
		"IPv4 with port":               {"10.0.0.1:443", "IP address"},
		"IPv6":                         {"[::1]", "IP address"},
		"short IPv4":                   {"127.1", "the last label is a number"},
		"hexadecimal":                  {"0x7f000001", "the last label is a number"},
		"number under a wildcard":      {"*.0.1", "the last label is a number"},
		"port":                         {"example.com:443", "ports"},
		"scheme":                       {"https://example.com", "scheme"},
		"path":                         {"example.com/x", "path"},
		"space":                        {"a.com b.com", "one name per list entry"},
		"comma":                        {"a.com,b.com", "one name per list entry"},
		"comma beside braces":          {"{a,b},c*.example.com", "character ',' has no place here"},
		"backslash":                    {`a\*.example.com`, "remove the backslash"},
		"empty label":                  {"a..example.com", "empty label"},
		"empty label in a glob":        {"a*..b.example.com", "empty label"},
		"leading dot":                  {".example.com", `write "*.example.com" for the names below the domain, and "example.com" for the domain itself`},
		"two trailing dots":            {"example.com..", "empty label"},
		"hyphen":                       {"-a.example.com", "hyphen"},
		"hyphen in a glob's label":     {"*.-a.*.example.com", "hyphen"},
		"label of 64":                  {label63 + "a.com", "63 bytes"},
		"name of 254":                  {name253 + "b", "253 bytes"},
		"wildcard of 255":              {"*." + name253[2:] + "b", "253 bytes"},
		"very long":                    {strings.Repeat("a", 2000), "longer than"},
		"open brace":                   {"{a.example.com", "malformed glob"},
		"open class":                   {"[a.example.com", "malformed glob"},
		"closing brace alone":          {"a}.*.example.com", "character '}' has no place here"},
		"class of two ranges":          {"[a-z0-9].example.com", "malformed glob"},
		"dot in a class":               {"[.a]x.example.com", "has no place in a class"},
		"too many variants":            {"{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}.example.com", "64 patterns"},
		"too long between wildcards":   {"*" + label63 + "*.example.com", "63 characters"},
		"partly a glob, not ASCII":     {"ü*.example.com", "must be ASCII"},
		"ideographic dot":              {"b\u3002com", `write "."`},
		"not a domain label":           {"\u0378.com", "no internationalized domain label"},
		"soft hyphen":                  {"ex\u00adample.com", "U+00AD, which is invisible"},
		"zero width space":             {"ex\u200bample.com", "U+200B, which is invisible"},
		"zero width joiner":            {"ex\u200dample.com", "U+200D, which is invisible"},
		"zero width in a U-label":      {"bü\u200ccher.example", "U+200C, which is invisible"},
		"variation selector":           {"example\ufe0f.com", "U+FE0F, which is invisible"},
		"right-to-left override":       {"ex\u202eample.com", "U+202E, which is invisible"},
		"Hangul filler":                {"ex\u3164ample.com", "U+3164, which is invisible"},
		"full width":                   {"\uff47oogle.com", "U+FF47, which is invisible or stands for others"},
		"Kelvin sign":                  {"\u212aernel.org", "U+212A, which is invisible or stands for others"},
		"long s":                       {"\u017ftripe.com", "U+017F, which is invisible or stands for others"},
		"ligature":                     {"o\ufb03ce.com", "U+FB03, which is invisible or stands for others"},
		"exclamation mark":             {"!a.*.example.com", "character '!' has no place here"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := document.ParsePattern(tt.text)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("ParsePattern(%q) = %v, %v, want an error with %q", tt.text, got, err, tt.want)
			}
		})
	}
}
