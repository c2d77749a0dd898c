package livepolicy

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"weak"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/document"
)

// compiled is a policy and what is told of it.
type compiled struct {
	policy  *policy.Policy
	version uint64
	rules   int
}

// cache finds the same content compiled: Envoy hands over a configuration
// several times, and configurations may share a policy. It keeps no policy
// alive: the last configuration that has it does.
type cache struct {
	mu     sync.Mutex
	byHash map[[sha256.Size]byte]cached
}

type cached struct {
	policy weak.Pointer[policy.Policy]
	rules  int
}

// compile parses and compiles data, whose name is for errors. The version is
// there on error too. Any thread.
func (c *cache) compile(name string, data []byte) (compiled, error) {
	hash := sha256.Sum256(data)
	if known, ok := c.find(hash); ok {
		return known, nil
	}
	d, err := document.Parse(name, data)
	if err != nil {
		return compiled{version: versionOf(hash)}, err
	}
	fresh := policy.Compile(d)
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.findLocked(hash); ok {
		return known, nil // another thread was faster: one is enough
	}
	c.forgetFreedLocked()
	c.byHash[hash] = cached{policy: weak.Make(fresh), rules: len(d.Rules)}
	return compiled{policy: fresh, version: versionOf(hash), rules: len(d.Rules)}, nil
}

func (c *cache) find(hash [sha256.Size]byte) (compiled, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.findLocked(hash)
}

func (c *cache) findLocked(hash [sha256.Size]byte) (compiled, bool) {
	known := c.byHash[hash]
	p := known.policy.Value()
	return compiled{policy: p, version: versionOf(hash), rules: known.rules}, p != nil
}

func (c *cache) forgetFreedLocked() {
	if c.byHash == nil {
		c.byHash = map[[sha256.Size]byte]cached{}
	}
	for hash, known := range c.byHash {
		if known.policy.Value() == nil {
			delete(c.byHash, hash)
		}
	}
}

// Version returns the Status.Version of a policy file with this content, so that
// a copy of the file can be compared with the policy in force.
func Version(content []byte) uint64 { return versionOf(sha256.Sum256(content)) }

// versionOf is 48 bits of the hash, a number that is exact in every monitoring
// system.
func versionOf(hash [sha256.Size]byte) uint64 { return binary.BigEndian.Uint64(hash[:8]) >> 16 }
