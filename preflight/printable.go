package preflight

import (
	"strconv"
	"strings"
	"unicode"
)

// maxDetail bounds what is shown of a finding.
const maxDetail = 2000

// count is a number of things, in words.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}

// printable escapes what could change a terminal, and cuts what is long: what a
// cluster and a proxy say is written by others.
func printable(text string) string {
	if len(text) > maxDetail {
		text = text[:maxDetail] + " …"
	}
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(text, "\uFFFD") {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRuneToASCII(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}
