// Package strictyaml reads YAML (and JSON) files of which every mistake is told
// with its place: unknown and repeated fields, wrong types, aliases, tags. It
// knows nothing of policies. It runs when a file is loaded, for no connection.
package strictyaml

import (
	"bytes"
	"cmp"
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
	maxProblems  = 1000 // that are listed
)

// Reader walks a YAML tree and collects what is wrong with it. Aliases, tags
// and merge keys are refused, so reading is linear in the file.
type Reader struct {
	File     string // its name, for the problems
	Begins   string // with what such a file does, for an empty one; empty: a policy
	Problems Problems
	more     int // problems that are only counted
}

// Add notes a problem of a node; path is its own.
func (r *Reader) Add(node *yaml.Node, path Path, format string, args ...any) {
	if r.full() {
		r.more++
		return
	}
	r.AddAt(PositionOf(node), path(), format, args...)
}

// AddAt notes a problem at a place in the file.
func (r *Reader) AddAt(at Position, path, format string, args ...any) {
	if len(r.Problems) == maxProblems {
		r.more++
		return
	}
	r.Problems = append(r.Problems, Problem{
		File: r.File, Line: at.Line, Column: at.Column, Path: path, Message: fmt.Sprintf(format, args...),
	})
}

// full reports whether a further mistake is only counted; then its text need not
// be made.
func (r *Reader) full() bool { return len(r.Problems) == maxProblems }

// Err returns the problems in order, or nil if there are none.
func (r *Reader) Err() error {
	if len(r.Problems) == 0 {
		return nil
	}
	r.Problems.Sort()
	if r.more > 0 {
		last := &r.Problems[len(r.Problems)-1]
		r.Problems = append(r.Problems, moreProblems(*last, r.more))
	}
	return r.Problems
}

// Position is a place in a file, both from 1.
type Position struct{ Line, Column int }

// PositionOf returns where a node begins.
func PositionOf(node *yaml.Node) Position { return Position{max(node.Line, 1), max(node.Column, 1)} }

// Document returns the body of the only YAML document in data, or nil after
// adding a problem.
func (r *Reader) Document(data []byte) (body *yaml.Node) {
	start := Position{1, 1}
	defer func() {
		// The YAML parser is not ours: its panic must not end the process.
		if p := recover(); p != nil {
			r.AddAt(start, "", "the YAML parser can't read this: %v", p)
			body = nil
		}
	}()
	if len(data) > maxFileBytes {
		r.AddAt(start, "", "larger than %d bytes", maxFileBytes)
		return nil
	}
	if at, ok := notText(data); ok {
		r.AddAt(at, "", "not UTF-8 text from here on; is it another file, or in another encoding?")
		return nil
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if tooDense(data) {
		r.AddAt(start, "", "more values than a file of %d bytes can have; are there many empty entries, or is it another file?", len(data))
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	err := decoder.Decode(&first)
	if errors.Is(err, io.EOF) || err == nil && isNull(first.Content[0]) {
		r.AddAt(start, "", "empty; a file starts with %s", cmp.Or(r.Begins, `"version: 1"`))
		return nil
	}
	if err == nil {
		err = decoder.Decode(&second)
	}
	switch {
	case errors.Is(err, io.EOF):
		return first.Content[0]
	case err == nil:
		r.Add(second.Content[0], Root, `second YAML document; put everything into one, without "---"`)
	default:
		r.syntaxError(data, err)
	}
	return nil
}

// notText finds the first bytes that are no UTF-8.
func notText(data []byte) (at Position, found bool) {
	if utf8.Valid(data) {
		return at, false
	}
	good := 0
	for r, size := utf8.DecodeRune(data); r != utf8.RuneError || size != 1; r, size = utf8.DecodeRune(data[good:]) {
		good += size
	}
	line := bytes.LastIndexByte(data[:good], '\n') + 1
	return Position{bytes.Count(data[:good], []byte("\n")) + 1, utf8.RuneCount(data[line:good]) + 1}, true
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// faultyAlias is what the YAML library says of an unquoted "*", which it takes
// for an alias.
var faultyAlias = regexp.MustCompile(`unknown anchor|scanning an alias|alphabetic or numeric character`)

// syntaxError adds a problem where the library found it; of unquoted stars, one
// for each line that has one.
func (r *Reader) syntaxError(data []byte, err error) {
	var syntax *yaml.LoadError
	if !errors.As(err, &syntax) {
		r.AddAt(Position{1, 1}, "", "not YAML: %s", inOurWords(err.Error(), "", 0))
		return
	}
	if faultyAlias.MatchString(err.Error()) && r.unquotedStars(string(data)) {
		return
	}
	message := inOurWords(syntax.Message, syntax.ContextMsg, syntax.ContextMark.Line)
	r.AddAt(Position{max(syntax.Mark.Line, 1), max(syntax.Mark.Column, 1)}, "", "not YAML: %s", message)
}

// unquotedStars adds a problem for each line that has one; false: none has.
func (r *Reader) unquotedStars(text string) (found bool) {
	n := 0
	for line := range strings.Lines(text) {
		n++
		if star := unquotedStar(line); star >= 0 {
			column := utf8.RuneCountInString(line[:star]) + 1
			r.AddAt(Position{n, column}, "", `not YAML: a host that begins with "*" needs quotes`)
			found = true
		}
	}
	return found
}

// unquotedStar returns the place of the first "*" that begins a value in a line,
// or -1.
func unquotedStar(line string) int {
	for i := 0; i < len(line); i++ {
		switch c := line[i]; c {
		case '#':
			return -1
		case '"', '\'':
			end := strings.IndexByte(line[i+1:], c)
			if end < 0 {
				return -1
			}
			i += 1 + end
		case '*':
			if i == 0 || strings.IndexByte(" \t,[{", line[i-1]) >= 0 {
				return i
			}
			return -1
		}
	}
	return -1
}
