package policy

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	yamlparser "github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	maxFileBytes = 64 << 20
	maxProblems  = 1000 // they end up in a log
)

// reader walks a YAML tree and collects what is wrong with it. Aliases, tags
// and merge keys are refused, so reading is linear in the file.
type reader struct {
	file     string
	problems Problems
}

func (r *reader) add(node ast.Node, path, format string, args ...any) {
	at := positionOf(node)
	r.addAt(at, path, format, args...)
}

func (r *reader) addAt(at position, path, format string, args ...any) {
	switch {
	case len(r.problems) == maxProblems:
		path, format, args = "", "more mistakes are not shown; mend the first %d", []any{maxProblems}
	case len(r.problems) > maxProblems:
		return
	}
	r.problems = append(r.problems, Problem{
		File: r.file, Line: at.line, Column: at.column, Path: path, Message: fmt.Sprintf(format, args...),
	})
}

func positionOf(node ast.Node) position {
	for mapping, ok := node.(*ast.MappingNode); ok && !mapping.IsFlowStyle && len(mapping.Values) > 0; {
		return positionOf(mapping.Values[0].Key) // the node's own token is the first colon
	}
	if node == nil || node.GetToken() == nil || node.GetToken().Position == nil {
		return position{1, 1}
	}
	at := node.GetToken().Position
	return position{at.Line, at.Column}
}

// document returns the body of the only YAML document in data, or nil after
// adding a problem.
func (r *reader) document(data []byte) (body ast.Node) {
	start := position{1, 1}
	defer func() {
		// The YAML parser is not ours: its panic must not end the process.
		if p := recover(); p != nil {
			r.addAt(start, "", "the YAML parser can't read this: %v", p)
			body = nil
		}
	}()
	if len(data) > maxFileBytes || !utf8.Valid(data) {
		r.addAt(start, "", "larger than %d bytes, or not UTF-8 text", maxFileBytes)
		return nil
	}
	tokens := lexer.Tokenize(strings.TrimPrefix(string(data), "\ufeff"))
	if t, fault := beyondBounds(tokens); fault != "" {
		r.addAt(position{t.Position.Line, t.Position.Column}, "", "%s", fault)
		return nil
	}
	file, err := yamlparser.Parse(tokens, 0, yamlparser.AllowDuplicateMapKey())
	if err != nil {
		r.syntaxError(err)
		return nil
	}
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil || doc.Body.Type() == ast.CommentType:
		case body != nil:
			r.add(doc.Body, "", `second YAML document; put everything into one, without "---"`)
			return nil
		default:
			body = doc.Body
		}
	}
	if body == nil {
		r.addAt(start, "", `empty; a file starts with "version: 1"`)
	}
	return body
}

func (r *reader) syntaxError(err error) {
	var syntax *yaml.SyntaxError
	if !errors.As(err, &syntax) || syntax.Token == nil || syntax.Token.Position == nil {
		r.addAt(position{1, 1}, "", "not YAML: %v", err)
		return
	}
	at := syntax.Token.Position
	message := syntax.Message
	if strings.Contains(message, "alias") || syntax.Token.PreviousType() == token.AliasType {
		message += `; a host that begins with "*" needs quotes`
	}
	r.addAt(position{at.Line, at.Column}, "", "not YAML: %s", message)
}
