package strictyaml

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one mistake in a file.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`           // from 1
	Column  int    `json:"column"`         // from 1
	Path    string `json:"path,omitempty"` // such as "rules[2].hosts[0]"; empty for the whole file
	Message string `json:"message"`        // what is wrong and how to mend it
	More    int    `json:"more,omitempty"` // so many more mistakes are not listed; only the last problem has it
}

// Error returns "file:line:column: path: message".
func (p Problem) Error() string {
	at := fmt.Sprintf("%s:%d:%d: ", p.File, p.Line, p.Column)
	if p.Path != "" {
		at += p.Path + ": "
	}
	return at + p.Message
}

// Problems are all mistakes of a file, in the order of their positions. It is
// an error if it is not empty.
type Problems []Problem

// maxShown is how many problems Error shows: enough to see what is wrong, and no
// flood in a log when a large file is broken in each line.
const maxShown = 20

// Error returns one line for each of the first problems, and how many more there
// are.
func (ps Problems) Error() string {
	shown := ps.First(maxShown)
	lines := make([]string, len(shown))
	for i, p := range shown {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// First returns the first n problems, and as the last one how many more there
// are.
func (ps Problems) First(n int) Problems {
	if len(ps) <= n {
		return ps
	}
	more := 0
	for _, p := range ps[n:] {
		more += max(p.More, 1)
	}
	return append(slices.Clone(ps[:n]), moreProblems(ps[n], more))
}

// moreProblems says, at the place of the first of them, that there are more.
func moreProblems(at Problem, more int) Problem {
	return Problem{File: at.File, Line: at.Line, Column: at.Column, Message: fmt.Sprintf("and %d more mistakes are not shown; mend the first ones", more), More: more}
}

// Sort orders the problems by their positions.
func (ps Problems) Sort() { slices.SortStableFunc(ps, Problem.Compare) }

// Compare orders two problems of a file by their positions.
func (p Problem) Compare(other Problem) int {
	return cmp.Or(cmp.Compare(p.Line, other.Line), cmp.Compare(p.Column, other.Column))
}
