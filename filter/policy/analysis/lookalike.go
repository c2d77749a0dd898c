package analysis

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/runenames"
)

// looksLike has letters that most fonts draw like an ASCII one.
var looksLike = map[rune]rune{
	'а': 'a', 'е': 'e', 'о': 'o', 'р': 'p', 'с': 'c', 'у': 'y', 'х': 'x', 'і': 'i', 'ї': 'i', 'ј': 'j', 'ѕ': 's', 'һ': 'h', 'ԁ': 'd', 'ԛ': 'q', 'ԝ': 'w', 'ӏ': 'l', 'ь': 'b', 'г': 'r', 'п': 'n', 'ғ': 'f', 'ү': 'y', 'ѵ': 'v',
	'α': 'a', 'ο': 'o', 'ν': 'v', 'ι': 'i', 'κ': 'k', 'ρ': 'p', 'υ': 'u', 'γ': 'y', 'ω': 'w', 'ε': 'e', 'τ': 't', 'χ': 'x', 'η': 'n', 'ϲ': 'c', 'ϳ': 'j',
	'ո': 'n', 'օ': 'o', 'ս': 'u', 'հ': 'h', 'ց': 'g', 'զ': 'q', 'յ': 'j', 'ւ': 'i',
	'ı': 'i', 'ɑ': 'a', 'ɡ': 'g', 'ƅ': 'b', 'ɩ': 'i', 'ʋ': 'u', 'ɪ': 'i', 'ʏ': 'y', 'ᴏ': 'o', 'ꜱ': 's',
}

// lookAlikes says which letters of a host, as A-labels, may be taken for others:
// those that ASCII letters look like, in a label that they are mixed with or that
// has no others. It is empty for a host without such a label.
func lookAlikes(host string) string {
	if !strings.Contains(host, "xn--") {
		return ""
	}
	for label := range strings.SplitSeq(host, ".") {
		text, err := idna.Punycode.ToUnicode(label)
		if !strings.HasPrefix(label, "xn--") || err != nil {
			continue
		}
		if found := lookAlikesIn(text); len(found) > 0 {
			return fmt.Sprintf("label %q is %+q, with %s", label, text, inWords(found))
		}
	}
	return ""
}

func lookAlikesIn(label string) (found []string) {
	ascii, others := false, false
	for _, r := range label {
		ascii = ascii || 'a' <= r && r <= 'z'
		_, alike := looksLike[r]
		others = others || r > unicode.MaxASCII && !alike
	}
	for _, r := range label {
		looks, alike := looksLike[r]
		switch {
		case unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point):
			found = append(found, fmt.Sprintf("%U %s, which is invisible", r, runenames.Name(r)))
		case alike && (ascii && foreign(r) || !others && !ascii):
			found = append(found, fmt.Sprintf("%U %s, which looks like %q", r, runenames.Name(r), string(looks)))
		case alike && !foreign(r) && phonetic(r):
			found = append(found, fmt.Sprintf("%U %s, which looks like %q", r, runenames.Name(r), string(looks)))
		case ascii && !alike && r > unicode.MaxASCII && foreign(r):
			found = append(found, fmt.Sprintf("%U %s among Latin letters", r, runenames.Name(r)))
		}
	}
	return distinctInOrder(found)
}

// foreign reports whether r is of a script that no language mixes with Latin.
func foreign(r rune) bool {
	return unicode.In(r, unicode.Cyrillic, unicode.Greek, unicode.Armenian, unicode.Cherokee, unicode.Coptic, unicode.Georgian, unicode.Lisu)
}

// phonetic reports whether r is a Latin letter of phonetics, which no language
// writes its words with.
func phonetic(r rune) bool { return strings.ContainsRune("ɑɡƅɩʋɪʏᴏꜱ", r) }

func distinctInOrder(words []string) (distinct []string) {
	seen := map[string]bool{}
	for _, word := range words {
		if !seen[word] {
			seen[word] = true
			distinct = append(distinct, word)
		}
	}
	return distinct
}
