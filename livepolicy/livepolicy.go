// Package livepolicy holds the policy in force: it reads the file, and keeps
// what connections decide by.
package livepolicy

import (
	"fmt"
	"os"
	"sync/atomic"

	"wildcard-egress/filter/policy"
)

// maxFileBytes bounds what is read of a policy file. A policy with a million
// hosts is about 50 MB.
const maxFileBytes = 128 << 20

// Source is the policy in force of one place. Its methods may be called by any
// thread. The zero Source has none, so everything is denied.
type Source struct {
	current atomic.Pointer[policy.Policy]
}

// Current returns the policy in force; nil while there is none.
func (s *Source) Current() *policy.Policy { return s.current.Load() }

// Set puts a policy in force. Its name is the file or the field that it came
// from, for errors. A policy with mistakes changes nothing.
func (s *Source) Set(name string, data []byte) error {
	document, err := policy.Parse(name, data)
	if err != nil {
		return err
	}
	s.current.Store(document.Compile())
	return nil
}

// Load puts the policy of a file in force.
func (s *Source) Load(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return fmt.Errorf("policy_file: %w; mount the policy there, or name another file", err)
	}
	if info.Size() > maxFileBytes {
		return fmt.Errorf("%s: %d bytes; a policy may have %d at most", file, info.Size(), maxFileBytes)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("policy_file: %w", err)
	}
	return s.Set(file, data)
}
