package policy

import (
	"math/bits"
	"strings"

	"wildcard-egress/filter/policy/servername"
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

// domainRules says what the policy has for a domain; the zero value is
// nothing.
type domainRules struct {
	exact       setID  // rules with the domain itself
	under       setID  // rules with "*." and the domain
	globs       uint32 // one more than the index of the globs that end with the domain
	hasChildren bool   // the policy has something for domains below
	label       span   // the first label, if it is too long for its code to tell
}

// span is a part of domainTable.long.
type span struct{ offset, size uint32 }

// domainTable is a tree of labels, from the last to the first, in one hash
// table with linear probing. A node has its whole label as a number, and four
// nodes fill a cache line, so a label costs about one cache miss even in a
// policy of a million hosts. There are no pointers, so that the garbage
// collector passes over it at no cost.
type domainTable struct {
	nodes []node        // at index 0 nothing is kept: as a parent, 0 is the root
	rules []domainRules // what nodes have, each once; at 0 nothing
	long  []byte        // labels of more than maxPacked bytes
}

type node struct {
	code   labelCode
	parent uint32 // an index of nodes
	rules  uint32 // an index of domainTable.rules; 0 for an empty slot
}

// labelCode is a label as a number to the base 39. Labels of more than
// maxPacked bytes share the codes from longCodes on; 0 is no label.
type labelCode uint64

const (
	maxPacked           = 12
	longCodes labelCode = 12381557655576425121 // 39 to the power of maxPacked
)

// digitOf has 1 to 38 for the bytes of names, and 0 for all others.
var digitOf = func() (table [256]uint8) {
	digit := uint8(0)
	for c := range table {
		if servername.IsByte(byte(c)) {
			digit++
			table[c] = digit
		}
	}
	return table
}()

// labelBefore returns the start and the code of the label that ends before
// name[end]. The code is 0 if it is no label.
func labelBefore(name string, end int) (start int, code labelCode) {
	for start = end; start > 0 && name[start-1] != '.'; start-- {
		digit := digitOf[name[start-1]]
		if digit == 0 {
			return start, 0
		}
		code = code*39 + labelCode(digit)
	}
	if end-start > maxPacked {
		code = longCodes + code>>2 // which leaves room for all
	}
	return start, code
}

// childHash continues the hash of a domain with the label before it.
func childHash(domain uint64, code labelCode) uint64 {
	hash := (domain + uint64(code)) * 0x9e3779b97f4a7c15
	return hash ^ hash>>32
}

// child returns the index of the node of a label under parent, or else the
// free index where it belongs. The hash is that of the whole domain.
func (t *domainTable) child(parent uint32, hash uint64, code labelCode, label string) (i uint32, found bool) {
	n := uint64(len(t.nodes) - 1)
	slot, _ := bits.Mul64(hash*0xd6e8feb86659fd93, n)
	for {
		i = uint32(slot) + 1
		node := &t.nodes[i]
		if node.rules == 0 {
			return i, false
		}
		if node.code == code && node.parent == parent && (code < longCodes || t.longLabel(node) == label) {
			return i, true
		}
		if slot++; slot == n {
			slot = 0
		}
	}
}

func (t *domainTable) longLabel(n *node) string {
	s := t.rules[n.rules].label
	return string(t.long[s.offset : s.offset+s.size])
}

// domainList collects what a policy has for domains. A domain comes after all
// domains above it.
type domainList struct {
	names  []string
	rules  []domainRules
	places map[string]int // in both
}

func newDomainList(domains int) domainList {
	return domainList{make([]string, 0, domains), make([]domainRules, 0, domains), make(map[string]int, domains)}
}

// of returns what is collected for a domain; the pointer is valid until the
// next call.
func (l *domainList) of(domain string) *domainRules {
	place, ok := l.places[domain]
	if !ok {
		if _, above, ok := strings.Cut(domain, "."); ok {
			l.of(above).hasChildren = true
		}
		place = len(l.names)
		l.names, l.rules = append(l.names, domain), append(l.rules, domainRules{})
		l.places[domain] = place
	}
	return &l.rules[place]
}

// newDomainTable makes a table of a list.
func newDomainTable(list domainList) domainTable {
	b := tableBuilder{
		domainTable: domainTable{nodes: make([]node, len(list.names)*3/2+2), rules: make([]domainRules, 1)},
		interned:    map[domainRules]uint32{},
	}
	for i, domain := range list.names {
		b.insert(domain, list.rules[i])
	}
	return b.domainTable
}

type tableBuilder struct {
	domainTable
	interned map[domainRules]uint32
}

// insert makes the node of a domain; those above it are there.
func (b *tableBuilder) insert(domain string, rules domainRules) {
	parent, hash := uint32(0), uint64(0)
	for end := len(domain); end > 0; {
		start, code := labelBefore(domain, end)
		hash = childHash(hash, code)
		label := domain[start:end]
		i, found := b.child(parent, hash, code, label)
		if !found {
			b.nodes[i] = node{code: code, parent: parent, rules: b.keep(rules, code, label)}
		}
		parent, end = i, start-1
	}
}

// keep returns the index of the rules of a domain, of which label is the first.
func (b *tableBuilder) keep(rules domainRules, code labelCode, label string) uint32 {
	next := uint32(len(b.rules))
	if code >= longCodes { // no other domain has the same
		rules.label = span{uint32(len(b.long)), uint32(len(label))}
		b.long = append(b.long, label...)
	} else if id, ok := b.interned[rules]; ok {
		return id
	} else {
		b.interned[rules] = next
	}
	b.rules = append(b.rules, rules)
	return next
}
