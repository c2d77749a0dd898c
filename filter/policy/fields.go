package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// fieldPath says where in the policy a value is, such as rules[2].hosts[0].
// It is a function since it is wanted for mistakes only.
type fieldPath func() string

func root() string { return "" }

type (
	fieldReader  = func(node *yaml.Node, path fieldPath)
	fieldReaders = map[string]fieldReader
)

// fields calls the reader of each field of a mapping. The path of a field is
// path and its name.
func (r *reader) fields(node *yaml.Node, path fieldPath, read fieldReaders) bool {
	if !plain(node, yaml.MappingNode) {
		r.add(node, path, "%s where fields are wanted: %s", describe(node), known(read))
		return false
	}
	seen := map[string]bool{}
	for pair := range slices.Chunk(node.Content, 2) {
		key, ok := scalar(pair[0])
		field := func() string { return strings.TrimPrefix(path()+"."+key, ".") }
		switch {
		case !ok || read[key] == nil:
			r.add(pair[0], path, "unknown field %q; the fields here are %s", clip(key), known(read))
		case seen[key]:
			r.add(pair[0], field, "field given twice; remove one")
		default:
			read[key](pair[1], field)
		}
		seen[key] = true
	}
	return true
}

func known(read fieldReaders) string {
	names := make([]string, 0, len(read))
	for name := range read {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// list calls read for each element of a list that is not empty. The path is
// valid until read returns.
func (r *reader) list(node *yaml.Node, path fieldPath, read fieldReader) {
	switch {
	case !plain(node, yaml.SequenceNode):
		r.add(node, path, "%s where a list is wanted", describe(node))
	case len(node.Content) == 0:
		r.add(node, path, "empty list; add an entry or remove the field")
	default:
		i := 0
		element := func() string { return path() + "[" + strconv.Itoa(i) + "]" }
		for ; i < len(node.Content); i++ {
			read(node.Content[i], element)
		}
	}
}

// text returns a string's value, or adds a problem.
func (r *reader) text(node *yaml.Node, path fieldPath) (string, bool) {
	text, ok := scalar(node)
	if !ok {
		r.add(node, path, "%s where text is wanted", describe(node))
	}
	return text, ok
}

// integer returns a whole number from low to high, or adds a problem.
func (r *reader) integer(node *yaml.Node, path fieldPath, low, high int) (int, bool) {
	if plain(node, yaml.ScalarNode) && node.Tag == "!!int" {
		if value, err := strconv.Atoi(node.Value); err == nil && low <= value && value <= high {
			return value, true
		}
	}
	r.add(node, path, "%s where a number from %d to %d is wanted", describe(node), low, high)
	return 0, false
}

// boolean returns true or false, or adds a problem.
func (r *reader) boolean(node *yaml.Node, path fieldPath) bool {
	if !plain(node, yaml.ScalarNode) || node.Tag != "!!bool" {
		r.add(node, path, "%s where true or false is wanted", describe(node))
		return false
	}
	return strings.EqualFold(node.Value, "true")
}

// choice returns the value that is written as the node's text; the values
// print as the words of the file.
func choice[T fmt.Stringer](r *reader, node *yaml.Node, path fieldPath, values ...T) (chosen T) {
	word, _ := scalar(node)
	words := make([]string, len(values))
	for i, value := range values {
		if words[i] = value.String(); words[i] == word {
			return value
		}
	}
	r.add(node, path, "%s where one of %s is wanted", describe(node), strings.Join(words, ", "))
	return chosen
}

// plain says whether a node is of this kind and has neither tag nor anchor.
func plain(node *yaml.Node, kind yaml.Kind) bool {
	return node.Kind == kind && node.Style&yaml.TaggedStyle == 0 && node.Anchor == ""
}

// scalar returns the value of a node that is text. What looks like a date is.
func scalar(node *yaml.Node) (string, bool) {
	if !plain(node, yaml.ScalarNode) || node.Tag != "!!str" && node.Tag != "!!timestamp" {
		return "", false
	}
	if node.Style&yaml.LiteralStyle != 0 {
		return strings.TrimRight(node.Value, "\n"), true
	}
	return node.Value, true
}

// describe names a node in a message.
func describe(node *yaml.Node) string {
	switch {
	case node.Kind == yaml.AliasNode:
		return `an alias (unquoted "*": write the value in quotes)`
	case node.Anchor != "":
		return "an anchor (not supported: write the value out)"
	case node.Style&yaml.TaggedStyle != 0:
		return "a tag (not supported: write the value alone)"
	case node.Kind == yaml.MappingNode:
		return "a mapping"
	case node.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(node):
		return "nothing"
	case node.Tag == "!!str":
		return strconv.Quote(clip(node.Value))
	}
	return clip(node.Value)
}
