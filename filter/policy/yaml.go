package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
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

func (r *reader) add(node *yaml.Node, path fieldPath, format string, args ...any) {
	r.addAt(positionOf(node), path(), format, args...)
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

func positionOf(node *yaml.Node) position { return position{max(node.Line, 1), max(node.Column, 1)} }

// document returns the body of the only YAML document in data, or nil after
// adding a problem.
func (r *reader) document(data []byte) (body *yaml.Node) {
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
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	err := decoder.Decode(&first)
	if errors.Is(err, io.EOF) || err == nil && isNull(first.Content[0]) {
		r.addAt(start, "", `empty; a file starts with "version: 1"`)
		return nil
	}
	if err == nil {
		err = decoder.Decode(&second)
	}
	switch {
	case errors.Is(err, io.EOF):
		return first.Content[0]
	case err == nil:
		r.add(second.Content[0], root, `second YAML document; put everything into one, without "---"`)
	default:
		r.syntaxError(data, err)
	}
	return nil
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// What the YAML library says of an unquoted "*", which it takes for an alias,
// and the first such in a line.
var (
	faultyAlias  = regexp.MustCompile(`unknown anchor|scanning an alias|alphabetic or numeric character`)
	unquotedStar = regexp.MustCompile(`^(?:(?:[^#"'*]|"[^"]*"|'[^']*')*[\s,[{])?(\*)`)
)

// syntaxError adds a problem where the library found it; of unquoted stars, one
// for each line that has one.
func (r *reader) syntaxError(data []byte, err error) {
	var syntax *yaml.LoadError
	if !errors.As(err, &syntax) {
		r.addAt(position{1, 1}, "", "not YAML: %v", err)
		return
	}
	if faultyAlias.MatchString(err.Error()) && r.unquotedStars(string(data)) {
		return
	}
	message := syntax.Message
	if begun := syntax.ContextMark.Line; begun > 0 && begun < syntax.Mark.Line {
		message += fmt.Sprintf(" %s that begins in line %d", syntax.ContextMsg, begun)
	}
	r.addAt(position{max(syntax.Mark.Line, 1), max(syntax.Mark.Column, 1)}, "", "not YAML: %s", message)
}

// unquotedStars adds a problem for each line that has one; false: none has.
func (r *reader) unquotedStars(text string) (found bool) {
	n := 0
	for line := range strings.Lines(text) {
		n++
		if star := unquotedStar.FindStringSubmatchIndex(line); star != nil {
			column := utf8.RuneCountInString(line[:star[2]]) + 1
			r.addAt(position{n, column}, "", `not YAML: a host that begins with "*" needs quotes`)
			found = true
		}
	}
	return found
}
