package document_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"wildcard-egress/filter/policy/document"
	"wildcard-egress/filter/policy/internal/reference"
	"wildcard-egress/filter/policy/servername"
)

// randomGlob writes a glob of a grammar over few letters, so that globs and
// names meet often.
func randomGlob(random *rand.Rand, depth int) string {
	var b strings.Builder
	for range 1 + random.IntN(5) {
		switch n := random.IntN(10); {
		case n == 0 && depth < 2:
			b.WriteString("{" + randomGlob(random, depth+1) + "," + reference.Pick(random, "", randomGlob(random, depth+1)) + "}")
		default:
			b.WriteString(reference.Pick(random, "a", "b", "a", "b", "-", ".", "?", "*", "**", "[ab]", "[!a]", "[a-b]"))
		}
	}
	return b.String()
}

func randomName(random *rand.Rand) string {
	var b strings.Builder
	for range 1 + random.IntN(9) {
		b.WriteString(reference.Pick(random, "a", "b", "a", "b", "-", ".", "c"))
	}
	return b.String() + reference.Pick(random, ".x.com", ".example.com")
}

func TestGlobMatchesWhatGobwasMatches(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	globs, compared, matched := 0, 0, 0
	for range 15_000 {
		p, err := document.ParsePattern(randomGlob(random, 0) + reference.Pick(random, ".x.com", "b.x.com", ".example.com"))
		if err != nil || p.Kind() != document.Glob {
			continue
		}
		globs++
		for range 30 {
			name, err := servername.Parse([]byte(randomName(random)))
			if err != nil {
				continue
			}
			want := reference.Matches(p.String(), name)
			if got := p.Matches(name); got != want {
				t.Fatalf("%q matches %q: %v, want %v", p, name, got, want)
			}
			compared++
			if want {
				matched++
			}
		}
	}
	if globs < 5_000 || matched < compared/50 {
		t.Errorf("compared %d globs on %d names, of which %d matched: too few to tell", globs, compared, matched)
	}
	t.Logf("%d globs, %d names, %d matches", globs, compared, matched)
}

func TestBracesMayReachOverTheRegistrableDomain(t *testing.T) {
	for host, want := range map[string]string{
		"www.example.{com,org}":                "www.example.com www.example.org",
		"{a,b}.com":                            "a.com b.com",
		"WWW.Example.{com,co.uk}":              "www.example.com www.example.co.uk",
		"*.example.{com,org}":                  "*.example.com *.example.org",
		"api-*.{example.com,other.org}":        "api-*.example.com api-*.other.org",
		"api.{a,b}.example.com":                "api.{a,b}.example.com", // one glob, as ever
		"api-*.{example.com,co.uk}":            "",                      // below co.uk anybody can register
		"*.{com,example.com}":                  "",
		"{*,a}.com":                            "",
		"{*,a.example.com}":                    "",
		"www.example.{com,com}":                "",
		"www.example.{com,org/x}":              "",
		"{10.0.0.1,example.com}":               "",
		"www.example.{com,}":                   "",
		"{a,b,c,d}{a,b,c,d}{a,b,c,d}{a,b}.com": "",
	} {
		d, err := document.Parse("p", fmt.Appendf(nil, "version: 1\nrules: [{name: a, hosts: [%q]}]\n", host))
		var got []string
		if err == nil {
			for _, p := range d.Rules[0].Hosts {
				got = append(got, p.String())
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s is %q, %v; want %q", host, got, err, want)
		}
	}
}
