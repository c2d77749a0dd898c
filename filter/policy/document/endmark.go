package document

import "bytes"

// EndMark is the last line of a policy that says so itself that it is whole:
// YAML's own end of a document. Cut anywhere, such a policy lacks it.
const EndMark = "..."

// HasEndMark says whether text cannot have lost its end: it has the end mark, or
// it is in braces, without the last of which it is no YAML.
func HasEndMark(text []byte) bool {
	_, ok := cutEndMark(text)
	return ok || bytes.HasPrefix(bytes.TrimSpace(text), []byte("{"))
}

// WithEndMark returns text with the end mark and a newline at its end, in new
// memory unless it has both.
func WithEndMark(text []byte) []byte {
	end := "\n"
	switch {
	case !HasEndMark(text):
		end = "\n" + EndMark + "\n"
	case bytes.HasSuffix(text, []byte("\n")):
		return text
	}
	text = bytes.TrimRight(text, "\r\n")
	return append(text[:len(text):len(text)], end...)
}

// WithoutEndMark returns the part of text that says something: without the end
// mark and the newlines at its end.
func WithoutEndMark(text []byte) []byte {
	text, _ = cutEndMark(text)
	return text
}

func cutEndMark(text []byte) (rest []byte, ok bool) {
	text = bytes.TrimRight(text, "\r\n")
	rest, ok = bytes.CutSuffix(text, []byte(EndMark))
	if !ok || len(rest) > 0 && rest[len(rest)-1] != '\n' {
		return text, false
	}
	return bytes.TrimRight(rest, "\r\n"), true
}
