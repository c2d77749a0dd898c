package document_test

import (
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
