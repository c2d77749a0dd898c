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
	hash    [sha256.Size]byte // of its text
	version uint64            // made of it
	rules   int
	marked  bool // its text had the end mark

	contents *contents
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
	rest   compiled // without the policy
}

// compile parses and compiles data, whose name is for errors. Any thread.
func (c *cache) compile(name string, data []byte) (compiled, error) {
	hash := sha256.Sum256(data)
	if known, ok := c.find(hash); ok {
		return known, nil
	}
	defer giveBack(len(data))
	d, err := document.Parse(name, data)
	if err != nil {
		return compiled{}, firstProblems(err)
	}
	fresh := compiled{policy: policy.Compile(d), hash: hash, version: Version(data),
		rules: len(d.Rules), marked: document.HasEndMark(data), contents: contentsOf(d)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.findLocked(hash); ok {
		return known, nil // another thread was faster: one is enough
	}
	c.forgetFreedLocked()
	rest := fresh
	rest.policy = nil
	c.byHash[hash] = cached{policy: weak.Make(fresh.policy), rest: rest}
	return fresh, nil
}

func (c *cache) find(hash [sha256.Size]byte) (compiled, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.findLocked(hash)
}

func (c *cache) findLocked(hash [sha256.Size]byte) (compiled, bool) {
	known := c.byHash[hash]
	found := known.rest
	found.policy = known.policy.Value()
	return found, found.policy != nil
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
// a copy of the file can be compared with the policy in force. The end mark, which
// the renderers add, does not change it. It is 48 bits of a hash, a number that is
// exact in every monitoring system.
func Version(content []byte) uint64 {
	hash := sha256.Sum256(document.WithoutEndMark(content))
	return binary.BigEndian.Uint64(hash[:8]) >> 16
}
