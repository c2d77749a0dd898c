package document_test

import (
	"strings"
	"testing"

	"wildcard-egress/filter/policy/document"
	"wildcard-egress/filter/policy/internal/reference"
	"wildcard-egress/filter/policy/servername"
)

// FuzzPattern holds that a host pattern matches what gobwas/glob matches with
// separator ".", and nothing outside of its domain and its cover.
func FuzzPattern(f *testing.F) {
	for _, seed := range [][2]string{
		{"*.example.com", "a.example.com"}, {"ec2.*.amazonaws.com", "ec2.eu-west-1.amazonaws.com"},
		{"*.a*{b,c*}*.example.com", "x.y.ac-1.example.com"}, {"a**b?[!c].example.com", "a.b.bxd.example.com"},
		{"{a*,b}*.example.com", "ab.example.com"}, {"**a**a**a*a*b.example.com", strings.Repeat("a.", 100) + "example.com"},
		{"[a-c][xyz-].example.com", "b-.example.com"}, {"*{,a}*.x.example.com", "b.x.example.com"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, text, wire string) {
		p, err := document.ParsePattern(text)
		if err != nil {
			return
		}
		if again, err := document.ParsePattern(p.String()); again != p {
			t.Errorf("ParsePattern(%q) = %v, %v, want itself", p, again, err)
		}
		name, err := servername.Parse([]byte(wire))
		if err != nil {
			return
		}
		got := p.Matches(name)
		if want := reference.Matches(p.String(), name); got != want {
			t.Errorf("%q matches %q: %v, want %v", p, name, got, want)
		}
		cover, err := document.ParsePattern(p.Cover())
		if err != nil || got && !cover.Matches(name) {
			t.Errorf("%q matches %q, but its cover %q does not (%v)", p, name, p.Cover(), err)
		}
		if got && p.Kind() != document.Any && name != p.Domain() && !strings.HasSuffix(name, "."+p.Domain()) {
			t.Errorf("%q matches %q outside of %q", p, name, p.Domain())
		}
	})
}
