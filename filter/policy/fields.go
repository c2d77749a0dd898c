package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// fields calls the reader of each field of a mapping. The path of a field is
// path and its name.
func (r *reader) fields(node ast.Node, path string, read map[string]func(node ast.Node, path string)) bool {
	var values []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		r.add(node, path, "%s where fields are wanted: %s", describe(node), known(read))
		return false
	}
	seen := map[string]bool{}
	for _, value := range values {
		key, ok := scalar(value.Key)
		fieldPath := strings.TrimPrefix(path+"."+key, ".")
		switch {
		case !ok || read[key] == nil:
			r.add(value.Key, path, "unknown field %q; the fields here are %s", clip(key), known(read))
		case seen[key]:
			r.add(value.Key, fieldPath, "field given twice; remove one")
		default:
			read[key](value.Value, fieldPath)
		}
		seen[key] = true
	}
	return true
}

func known(read map[string]func(ast.Node, string)) string {
	names := make([]string, 0, len(read))
	for name := range read {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// list calls read for each element of a list that is not empty.
func (r *reader) list(node ast.Node, path string, read func(node ast.Node, path string)) {
	list, ok := node.(*ast.SequenceNode)
	switch {
	case !ok:
		r.add(node, path, "%s where a list is wanted", describe(node))
	case len(list.Values) == 0:
		r.add(node, path, "empty list; add an entry or remove the field")
	default:
		for i, value := range list.Values {
			read(value, path+"["+strconv.Itoa(i)+"]")
		}
	}
}

// text returns a string's value, or adds a problem.
func (r *reader) text(node ast.Node, path string) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return strings.TrimRight(n.Value.Value, "\n"), true
	}
	r.add(node, path, "%s where text is wanted", describe(node))
	return "", false
}

// integer returns a whole number from low to high, or adds a problem.
func (r *reader) integer(node ast.Node, path string, low, high int) (int, bool) {
	if n, ok := node.(*ast.IntegerNode); ok {
		if value, err := strconv.Atoi(n.GetToken().Value); err == nil && low <= value && value <= high {
			return value, true
		}
	}
	r.add(node, path, "%s where a number from %d to %d is wanted", describe(node), low, high)
	return 0, false
}

// boolean returns true or false, or adds a problem.
func (r *reader) boolean(node ast.Node, path string) bool {
	n, ok := node.(*ast.BoolNode)
	if !ok {
		r.add(node, path, "%s where true or false is wanted", describe(node))
		return false
	}
	return n.Value
}

// choice returns the value that is written as the node's text; the values
// print as the words of the file.
func choice[T fmt.Stringer](r *reader, node ast.Node, path string, values ...T) (chosen T) {
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

func scalar(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.MappingKeyNode: // "? key"
		return scalar(n.Value)
	}
	return "", false
}

// describe names a node in a message.
func describe(node ast.Node) string {
	switch n := node.(type) {
	case nil, *ast.NullNode:
		return "nothing"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.AliasNode:
		return `an alias (unquoted "*": write the value in quotes)`
	case *ast.AnchorNode:
		return "an anchor (not supported: write the value out)"
	case *ast.TagNode:
		return "a tag (not supported: write the value alone)"
	case *ast.StringNode:
		return strconv.Quote(clip(n.Value))
	default:
		return clip(n.String())
	}
}
