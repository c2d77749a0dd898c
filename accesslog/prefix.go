package accesslog

import (
	"bytes"
	"time"
)

// withoutPrefix returns the line without what other tools write before it, each
// of a known form: `[pod/NAME/CONTAINER] ` (kubectl logs --prefix), a time
// (--timestamps), `stdout F ` (the files of a container runtime). A brace in
// Envoy's own log does not make its line one of ours.
func withoutPrefix(line []byte) []byte {
	for range maxPrefixes {
		word, rest, ok := bytes.Cut(line, []byte(" "))
		if line[0] == '{' || !ok || len(rest) == 0 || !isPrefix(word) {
			return line
		}
		line = rest
	}
	return line
}

// maxPrefixes is that of `[pod/x/y] TIME stdout F {`.
const maxPrefixes = 4

func isPrefix(word []byte) bool {
	switch string(word) {
	case "stdout", "stderr", "F":
		return true
	}
	if bytes.HasPrefix(word, []byte("[pod/")) && bytes.HasSuffix(word, []byte("]")) {
		return true
	}
	if len(word) == 0 || word[0] < '0' || word[0] > '9' {
		return false
	}
	_, err := time.Parse(time.RFC3339Nano, string(word))
	return err == nil
}
