package policy

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"strings"
)

// setID names a set of rules; 0 is the empty one.
type setID uint32

// ruleSets holds sets of rules as lists that share their ends. Hosts with the
// same rules have the same set.
type ruleSets []setLink

// setLink is a rule before the rest of its set.
type setLink struct {
	rule uint32
	rest setID
}

// domainRules says what the policy has for one domain; the zero value is
// nothing.
type domainRules struct {
	exact setID  // rules with the domain itself
	under setID  // rules with "*." and the domain
	globs uint32 // one more than the index of the globs that end with the domain
}

// domainTable is a tree of labels, from the last to the first, in one hash
// table with linear probing. A node is half a cache line and has its label
// in it, so that a label costs one cache miss at most even in a policy of a
// million hosts. There are no pointers, so the garbage collector passes over
// it at no cost.
type domainTable struct {
	seed  maphash.Seed
	nodes []node // at index 0 nothing is kept: as a parent, 0 is the root
	long  []byte // the labels of more than len(node.label) bytes
}

type node struct {
	domainRules
	parent      uint32 // an index of nodes
	hasChildren bool
	size        uint8 // of the label; 0 for an empty slot
	label       [inlineLabel]byte
}

const inlineLabel = 14

// childHash continues the hash of a domain with the label before it.
func (t *domainTable) childHash(domain uint64, label string) uint64 {
	const odd = 0x9e3779b97f4a7c15 // keeps the order of labels in the hash
	return (domain + maphash.String(t.seed, label)) * odd
}

// child returns the index of the node of a label under parent, or else the
// free index where it belongs. The hash is that of the whole domain.
func (t *domainTable) child(parent uint32, hash uint64, label string) (i uint32, found bool) {
	n := uint64(len(t.nodes) - 1)
	slot, _ := bits.Mul64(hash, n)
	for {
		i = uint32(slot) + 1
		node := &t.nodes[i]
		if node.size == 0 {
			return i, false
		}
		if node.parent == parent && t.hasLabel(node, label) {
			return i, true
		}
		if slot++; slot == n {
			slot = 0
		}
	}
}

func (t *domainTable) hasLabel(n *node, label string) bool {
	if int(n.size) != len(label) {
		return false
	}
	if len(label) <= inlineLabel {
		return string(n.label[:len(label)]) == label
	}
	return string(t.long[n.offset():][:len(label)]) == label
}

// offset is where a long label starts in domainTable.long.
func (n *node) offset() uint32 { return binary.LittleEndian.Uint32(n.label[:]) }

// newDomainTable makes a table of domains and what the policy has for them.
func newDomainTable(domains map[string]*domainRules) domainTable {
	t := domainTable{seed: maphash.MakeSeed(), nodes: make([]node, 2*len(domains)+2)}
	for domain, rules := range domains {
		i, _ := t.insert(domain)
		t.nodes[i].domainRules = *rules
	}
	return t
}

// insert makes the nodes of a domain and of all domains above it, unless they
// are there, and returns the index and the hash of the first.
func (t *domainTable) insert(domain string) (uint32, uint64) {
	if domain == "" {
		return 0, 0
	}
	label, rest, _ := strings.Cut(domain, ".")
	parent, hash := t.insert(rest)
	hash = t.childHash(hash, label)
	i, found := t.child(parent, hash, label)
	if found {
		return i, hash
	}
	n := &t.nodes[i]
	n.parent, n.size = parent, uint8(len(label))
	if len(label) > inlineLabel {
		binary.LittleEndian.PutUint32(n.label[:], uint32(len(t.long)))
		t.long = append(t.long, label...)
	} else {
		copy(n.label[:], label)
	}
	t.nodes[parent].hasChildren = true
	return i, hash
}
