package glob

import (
	"errors"
	"fmt"
	"strings"

	gobwas "github.com/gobwas/glob"
)

// maxVariants limits the plain globs that one glob with braces stands for.
const maxVariants = 64

// Meta are the characters that only globs have.
const Meta = "*?[]{}"

// HasMeta reports whether text has one of Meta.
func HasMeta(text string) bool { return strings.ContainsAny(text, Meta) }

// Fault says what is wrong with a glob's syntax or size, if anything. literal
// says which other bytes may stand for themselves.
func Fault(text string, separator byte, literal func(byte) bool) string {
	var syntax *gobwas.SyntaxError
	if _, err := gobwas.Compile(text, rune(separator)); errors.As(err, &syntax) {
		return fmt.Sprintf("malformed glob at byte %d: %s", syntax.Offset, syntax.Reason)
	} else if err != nil {
		return err.Error()
	}
	e := expander{text: text, separator: separator, literal: literal}
	variants := e.sequence(0)
	if e.fault != "" {
		return e.fault
	}
	for _, variant := range variants {
		if _, middle, _ := SplitLiterals(variant); len(middle) > 0 && countAtoms(middle) > maxAtoms {
			return fmt.Sprintf("glob with more than %d characters from its first to its last wildcard; write several patterns", maxAtoms)
		}
	}
	return ""
}

// Expand returns the globs without braces that a glob which Fault passed
// stands for.
func Expand(text string, separator byte) []string {
	e := expander{text: text, separator: separator, literal: func(byte) bool { return true }}
	return e.sequence(0)
}

// expander writes a glob's braces out: "{a,b}*" stands for "a*" and "b*".
// Without braces a glob is matched in linear time whatever the peer sends.
type expander struct {
	text      string
	separator byte
	literal   func(byte) bool // what else may stand for itself, and in a class
	pos       int
	fault     string
}

// sequence reads up to the end, or to the comma or brace that ends an
// alternative, and returns its variants.
func (e *expander) sequence(depth int) []string {
	variants := []string{""}
	for e.pos < len(e.text) && e.fault == "" {
		c := e.text[e.pos]
		switch {
		case c == '{':
			variants = e.product(variants, e.alternatives(depth+1))
		case depth > 0 && (c == ',' || c == '}'):
			return variants
		case c == '[':
			variants = e.product(variants, []string{e.class()})
		case c == '*':
			variants = e.product(variants, []string{e.stars()})
		case c == '?' || c == e.separator || e.literal(c):
			variants = e.product(variants, []string{string(c)})
			e.pos++
		default:
			e.fault = fmt.Sprintf("character %q has no place here", c)
		}
	}
	return variants
}

// alternatives reads "{a,b}".
func (e *expander) alternatives(depth int) []string {
	var variants []string
	for e.fault == "" && e.pos < len(e.text) && e.text[e.pos] != '}' {
		e.pos++ // the brace or a comma
		variants = append(variants, e.sequence(depth)...)
	}
	e.pos++
	return variants
}

// stars reads "*" or "**"; more stars say no more than two.
func (e *expander) stars() string {
	start := e.pos
	for e.pos < len(e.text) && e.text[e.pos] == '*' {
		e.pos++
	}
	return "**"[:min(e.pos-start, 2)]
}

// class reads "[a-c]", "[abc]" or "[!abc]".
func (e *expander) class() string {
	class, _, _ := strings.Cut(e.text[e.pos:], "]")
	e.pos += len(class) + 1
	for i := range len(class) {
		if c := class[i]; i > 0 && !e.literal(c) && (i > 1 || c != '!') {
			e.fault = fmt.Sprintf("character %q has no place in a class", c)
		}
	}
	return class + "]"
}

func (e *expander) product(heads, tails []string) []string {
	if len(heads)*len(tails) > maxVariants {
		e.fault = fmt.Sprintf("braces that stand for more than %d patterns; write several patterns", maxVariants)
		return heads
	}
	product := make([]string, 0, len(heads)*len(tails))
	for _, head := range heads {
		for _, tail := range tails {
			product = append(product, join(head, tail))
		}
	}
	return product
}

// join puts two globs in a row. Where single stars meet, as in "{a*,b}*", one
// says as much: two would be "**".
func join(head, tail string) string {
	if strings.HasPrefix(tail, "*") {
		head = strings.TrimSuffix(head, "*")
	}
	return head + tail
}
