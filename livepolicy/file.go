package livepolicy

import (
	"fmt"
	"os"
	"time"
)

// maxFileBytes bounds what is read of a policy file. A policy with a million
// hosts is about 50 MB.
const maxFileBytes = 128 << 20

// racy is the age below which a file may be written again without a new time of
// modification: file systems count in ticks of some milliseconds.
const racy = 100 * time.Millisecond

// fingerprint tells whether a file may have changed, without reading it.
type fingerprint struct {
	info os.FileInfo // nil: there is no file
	racy bool
}

// same says whether now shows what was read before, at f.
func (f fingerprint) same(now fingerprint) bool {
	if f.info == nil || now.info == nil {
		return f.info == nil && now.info == nil
	}
	return !f.racy && f.info.Size() == now.info.Size() && f.info.ModTime().Equal(now.info.ModTime()) &&
		os.SameFile(f.info, now.info) // Kubernetes turns a link
}

// look returns what path shows now. The error says why no policy can be there.
func look(path string) (fingerprint, error) {
	info, err := os.Stat(path)
	if err != nil {
		return fingerprint{}, fmt.Errorf("policy_file: %w; put the policy there, or name another file", err)
	}
	if !info.Mode().IsRegular() {
		return fingerprint{}, fmt.Errorf("policy_file: %s: not a regular file; name a file", path)
	}
	if info.Size() > maxFileBytes {
		return fingerprint{}, fmt.Errorf("policy_file: %s: %d bytes; a policy has %d at most", path, info.Size(), maxFileBytes)
	}
	return fingerprint{info: info, racy: time.Since(info.ModTime()).Abs() < racy}, nil
}

func read(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("policy_file: %w; let Envoy's user read it", err)
	}
	return data, nil
}
