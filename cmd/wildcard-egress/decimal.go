package main

import (
	"errors"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// decimal is a flag's number, which counts as people do: pflag takes 010 for
// eight, and 0x10, 0b1 and 1_000 too, and YAML readers differ about all of them.
type decimal struct{ pflag.Value }

var errNotDecimal = errors.New("want it in decimal, without zeros before it")

func (d decimal) Set(text string) error {
	if n, err := strconv.ParseInt(text, 0, 64); err == nil && strconv.FormatInt(n, 10) != text {
		return errNotDecimal
	}
	return d.Value.Set(text)
}

// takeDecimals has all commands' numbers be decimal.
func takeDecimals(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		switch f.Value.Type() {
		case "uint8", "uint16", "uint32", "uint64", "uint", "int8", "int16", "int32", "int64", "int":
			f.Value = decimal{f.Value}
		}
	})
	for _, c := range cmd.Commands() {
		takeDecimals(c)
	}
}
