package strictyaml

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Path says where in the policy a value is, such as rules[2].hosts[0].
// It is a function since it is wanted for mistakes only.
type Path func() string

// Root is the path of the whole file.
func Root() string { return "" }

// Read reads one value, and Fields has what reads each field of a mapping.
type (
	Read   = func(node *yaml.Node, path Path)
	Fields = map[string]Read
)

// Fields calls the reader of each field of a mapping. The path of a field is
// path and its name.
func (r *Reader) Fields(node *yaml.Node, path Path, read Fields) bool {
	if !Plain(node, yaml.MappingNode) {
		r.Add(node, path, "%s where fields are wanted: %s", lazily(Describe, node), lazily(known, read))
		return false
	}
	seen := map[string]bool{}
	for pair := range slices.Chunk(node.Content, 2) {
		key, ok := Scalar(pair[0])
		field := func() string { return strings.TrimPrefix(path()+"."+key, ".") }
		switch {
		case !ok || read[key] == nil:
			r.Add(pair[0], path, "unknown field %q; the fields here are %s", Clip(pair[0].Value), lazily(known, read))
		case seen[key]:
			r.Add(pair[0], field, "field given twice; remove one")
		default:
			read[key](pair[1], field)
		}
		seen[key] = true
	}
	return true
}

func known(read Fields) string {
	names := make([]string, 0, len(read))
	for name := range read {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// List calls read for each element of a list that is not empty. The path is
// valid until read returns.
func (r *Reader) List(node *yaml.Node, path Path, read Read) {
	switch {
	case !Plain(node, yaml.SequenceNode):
		r.Add(node, path, "%s where a list is wanted", lazily(Describe, node))
	case len(node.Content) == 0:
		r.Add(node, path, "empty list; add an entry or remove the field")
	default:
		i := 0
		element := func() string { return path() + "[" + strconv.Itoa(i) + "]" }
		for ; i < len(node.Content); i++ {
			read(node.Content[i], element)
		}
	}
}

// Text returns a string's value, or adds a problem.
func (r *Reader) Text(node *yaml.Node, path Path) (string, bool) {
	text, ok := Scalar(node)
	if !ok {
		r.Add(node, path, "%s where text is wanted", lazily(Describe, node))
	}
	return text, ok
}

// Integer returns a whole number from low to high, or adds a problem. It is
// decimal: readers of YAML differ about 010, which is 8 or 10.
func (r *Reader) Integer(node *yaml.Node, path Path, low, high int) (int, bool) {
	if Plain(node, yaml.ScalarNode) && node.Tag == "!!int" {
		value, err := strconv.Atoi(node.Value)
		switch {
		case err == nil && strconv.Itoa(value) != node.Value:
			r.Add(node, path, "%s: write it without a sign or zeros before it", lazily(Describe, node))
			return 0, false
		case err == nil && low <= value && value <= high:
			return value, true
		}
	}
	r.Add(node, path, "%s where a number from %d to %d is wanted", lazily(Describe, node), low, high)
	return 0, false
}

// Boolean returns true or false, or adds a problem.
func (r *Reader) Boolean(node *yaml.Node, path Path) bool {
	if !Plain(node, yaml.ScalarNode) || node.Tag != "!!bool" {
		r.Add(node, path, "%s where true or false is wanted", lazily(Describe, node))
		return false
	}
	return strings.EqualFold(node.Value, "true")
}

// Choice returns the value that is written as the node's text; the values
// print as the words of the file.
func Choice[T fmt.Stringer](r *Reader, node *yaml.Node, path Path, values ...T) (chosen T) {
	word, _ := Scalar(node)
	words := make([]string, len(values))
	for i, value := range values {
		if words[i] = value.String(); words[i] == word {
			return value
		}
	}
	r.Add(node, path, "%s where one of %s is wanted", lazily(Describe, node), strings.Join(words, ", "))
	return chosen
}

// Plain says whether a node is of this kind and has neither tag nor anchor.
func Plain(node *yaml.Node, kind yaml.Kind) bool {
	return node.Kind == kind && node.Style&yaml.TaggedStyle == 0 && node.Anchor == ""
}

// Scalar returns the value of a node that is text. What looks like a date is.
func Scalar(node *yaml.Node) (string, bool) {
	if !Plain(node, yaml.ScalarNode) || node.Tag != "!!str" && node.Tag != "!!timestamp" {
		return "", false
	}
	if node.Style&yaml.LiteralStyle != 0 {
		return strings.TrimRight(node.Value, "\n"), true
	}
	return node.Value, true
}

// Describe names a node in a message.
func Describe(node *yaml.Node) string {
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
		return strconv.Quote(Clip(node.Value))
	}
	return Clip(node.Value)
}

// maxText is where Clip cuts: what is longer than a host name is none.
const maxText = 255

// lazily returns what prints as the result of a call, which is made only if it
// is printed.
func lazily[T any](call func(T) string, argument T) fmt.Stringer {
	return later(func() string { return call(argument) })
}

type later func() string

func (l later) String() string { return l() }

// Clip cuts text that is too long to be shown whole.
func Clip(text string) string { return text[:min(len(text), maxText)] }
