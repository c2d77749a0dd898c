package livepolicy

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
)

// gzipMagic begins what gzip writes, and no policy: YAML has no such bytes.
var gzipMagic = []byte{0x1f, 0x8b}

// unpacked returns the policy of a file that gzip has packed, and any other
// content as it is: a ConfigMap holds 1 MiB, and 100,000 hosts are larger. A
// packed file that is cut off, or holds more than a policy may have, is an error.
func unpacked(path string, data []byte) ([]byte, error) {
	if !bytes.HasPrefix(data, gzipMagic) {
		return data, nil
	}
	reader, err := gzip.NewReader(bytes.NewReader(data))
	var text []byte
	if err == nil {
		text, err = io.ReadAll(io.LimitReader(reader, maxFileBytes+1))
	}
	if err != nil {
		return nil, fmt.Errorf("policy_file: %s: %w; pack it again with gzip, or write it as text", path, err)
	}
	if len(text) > maxFileBytes {
		return nil, fmt.Errorf("policy_file: %s: more than %d bytes when unpacked; a policy has no more", path, maxFileBytes)
	}
	return text, nil
}
