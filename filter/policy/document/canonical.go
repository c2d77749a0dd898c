package document

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"wildcard-egress/filter/policy/glob"
)

// labelProfile converts one label as browsers do before a lookup.
var labelProfile = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(false))

// canonicalText folds ASCII to lower case, removes one trailing dot, turns
// U-labels into A-labels and writes a leading "**." as "*.", which means the
// same.
func canonicalText(text string) (canonical, fault string) {
	if rest, ok := strings.CutPrefix(text, "**."); ok {
		text = "*." + rest
	}
	if text == "*." {
		return text, "" // not "*" with a trailing dot
	}
	text = strings.TrimSuffix(text, ".")
	if isASCII(text) {
		return strings.ToLower(text), ""
	}
	labels := strings.Split(text, ".")
	for i, label := range labels {
		if labels[i], fault = canonicalLabel(label); fault != "" {
			return "", fault
		}
	}
	return strings.Join(labels, "."), ""
}

func canonicalLabel(label string) (canonical, fault string) {
	switch {
	case isASCII(label):
		return strings.ToLower(label), ""
	case glob.HasMeta(label):
		return "", "a label that is partly a glob must be ASCII; write the A-label (xn--…)"
	}
	ascii, err := labelProfile.ToASCII(label)
	if strings.Contains(ascii, ".") {
		return "", fmt.Sprintf("label %q has a character that stands for a dot; write \".\"", label)
	}
	if r, ok := disguised(label, ascii); ok {
		return "", fmt.Sprintf("label %+q has the character %U, which is invisible or stands for others; write the name as DNS has it", label, r)
	}
	if err != nil {
		return "", fmt.Sprintf("label %q is no internationalized domain label (%v)", label, err)
	}
	return ascii, ""
}

// disguised returns the first character of a label that is not seen, or that
// conversion puts others for: a soft hyphen, a full-width letter, the Kelvin
// sign. In a policy such a character is a mistake, or meant to mislead.
func disguised(label, ascii string) (rune, bool) {
	converted, _ := labelProfile.ToUnicode(ascii)
	for _, r := range label {
		if unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) ||
			r > unicode.MaxASCII && unicode.ToLower(r) <= unicode.MaxASCII {
			return r, true
		}
	}
	for _, r := range norm.NFC.String(label) { // letter and accent may be two characters
		if !strings.ContainsRune(converted, unicode.ToLower(r)) {
			return r, true
		}
	}
	return 0, false
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
