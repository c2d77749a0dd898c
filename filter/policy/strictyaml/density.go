package strictyaml

import "bytes"

// The YAML library makes a tree of the whole file before anything is checked, at
// some 400 bytes a value. A file of as many values as bytes allow ("-" in each
// line, "[[],[],…") would take 400 times its size. A rule with a short name and
// one short host has a value for 7 bytes, so no file that is meant has more than
// one for minBytesPerValue; small ones are not looked at.
const (
	minBytesPerValue = 5
	smallFile        = 64 << 10
)

// tooDense reports whether data has more values than a file that is meant. It
// goes by the characters that begin values, without parsing.
func tooDense(data []byte) bool {
	if len(data) <= smallFile {
		return false
	}
	values := 0
	for line := range bytes.Lines(data) {
		if text := bytes.TrimLeft(line, " \t"); len(text) == 0 || text[0] != '#' {
			values += valuesIn(text)
		}
	}
	return values > len(data)/minBytesPerValue
}

// valuesIn counts what may begin a value in a line.
func valuesIn(line []byte) (n int) {
	for i, c := range line {
		ends := i+1 == len(line) || line[i+1] == ' ' || line[i+1] == '\n' || line[i+1] == '\r' || line[i+1] == '\t'
		switch {
		case c == ',' || c == '[' || c == '{', c == '-' && ends:
			n++
		case c == ':' && ends, c == '?' && ends: // a key and a value
			n += 2
		case (c == '&' || c == '!' || c == '*') && !ends && i > 0 && line[i-1] == ' ': // dear to the library, and refused
			n += 2
		}
	}
	return n
}
