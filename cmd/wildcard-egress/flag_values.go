package main

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"wildcard-egress/bootstrap"
)

// strict is a flag's value as all commands take it. What a script gets wrong is
// told, not guessed: a variable that is empty, a flag that is there twice, of which
// one would not count, and numbers that people and pflag read differently (010 is
// eight to it, and it takes 0x10, 0b1 and 1_000 too).
type strict struct {
	pflag.Value
	number, text, given bool
}

var (
	errNotDecimal = errors.New("want it in decimal, without zeros before it")
	errEmpty      = errors.New("empty; give it a value, or leave it out")
	errTwice      = errors.New("given twice; one would not count")
)

func (s *strict) Set(value string) error {
	if n, err := strconv.ParseInt(value, 0, 64); s.number && err == nil && strconv.FormatInt(n, 10) != value {
		return errNotDecimal
	}
	switch {
	case s.text && value == "":
		return errEmpty
	case s.given:
		return errTwice
	}
	s.given = true
	return s.Value.Set(value)
}

// mistakes are what strict says itself, whatever the flag takes.
var mistakes = []error{errNotDecimal, errEmpty, errTwice}

// takeStrictly has the flags of all commands be strict.
func takeStrictly(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if isRepeated(f) {
			return
		}
		kind := f.Value.Type()
		if kind == "duration" {
			f.DefValue = bootstrap.Short(f.DefValue)
		}
		f.Value = &strict{
			Value:  f.Value,
			number: slices.Contains([]string{"uint8", "uint16", "uint32", "uint64", "uint", "int8", "int16", "int32", "int64", "int"}, kind),
			text:   kind == "string" && !strings.Contains(f.Usage, "empty: "),
		}
	})
	for _, c := range cmd.Commands() {
		takeStrictly(c)
	}
}
