package policy

import (
	"fmt"

	"github.com/goccy/go-yaml/token"
)

// The YAML parser recurses into each level and into each further field of a
// block mapping, and a stack that is used up ends the process, which is
// Envoy. So these bounds are held before it runs. A policy needs 4 levels and
// 7 fields.
const (
	maxDepth     = 64
	maxFields    = 64
	maxDocuments = 4 // empty ones are allowed
)

// beyondBounds returns the first token that passes one of the bounds and says
// which. Block levels are counted by what opens them on one line and by their
// indentation; fields by the indentation of their line.
func beyondBounds(tokens token.Tokens) (*token.Token, string) {
	var flow, opened, documents, line, indent int
	var fields [maxDepth + 1]int
	for _, t := range tokens {
		if t.Position.Line != line {
			line, opened, indent = t.Position.Line, 0, t.Position.Column-1
		}
		block := flow == 0
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType, token.TagType, token.AnchorType:
			opened++
		case token.MappingValueType:
		case token.DocumentHeaderType:
			documents++
		default:
			block = false
		}
		switch {
		case flow+opened > maxDepth || block && indent > maxDepth:
			return t, fmt.Sprintf("nested more than %d levels deep; a policy needs 4", maxDepth)
		case documents > maxDocuments:
			return t, `many YAML documents; put everything into one, without "---"`
		case !block:
		case t.Type == token.SequenceEntryType:
			clear(fields[indent+1:])
		case t.Type == token.MappingValueType && opened == 0: // else the first field of its mapping
			clear(fields[indent+1:])
			if fields[indent]++; fields[indent] > maxFields {
				return t, fmt.Sprintf("more than %d fields in one mapping; a policy needs 7", maxFields)
			}
		}
	}
	return nil, ""
}
