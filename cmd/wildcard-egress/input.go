package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"wildcard-egress/bootstrap/folder"
	"wildcard-egress/filter/policy/document"
)

// policyFile is the policy of a command. Every command takes it as its first
// argument or as --policy, and "-" is standard input.
type policyFile string

// add adds the flag, and has the command take the files that names are in its
// usage line, the policy first: POLICY, POLICY... for one or more, or [POLICY]
// if it may be left out. RunE gets the arguments behind the policy.
func (p *policyFile) add(c *cobra.Command, names ...string) {
	c.Flags().StringVar((*string)(p), "policy", "", "the policy, a `FILE`, instead of as the argument; - is standard input")
	c.Args = func(cmd *cobra.Command, args []string) error {
		all := slices.Clone(args)
		if *p != "" {
			all = slices.Insert(all, 0, string(*p))
		}
		if len(all) == 0 && names[0] == "[POLICY]" {
			return nil
		}
		return files(names...)(cmd, all)
	}
	run := c.RunE
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if *p == "" && len(args) > 0 {
			*p, args = policyFile(args[0]), args[1:]
		}
		return run(cmd, args)
	}
}

// read reads the policy.
func (p *policyFile) read(cmd *cobra.Command) (*document.Document, error) {
	return readPolicy(cmd, string(*p))
}

// files demands as many arguments as names, which are those in the usage line;
// of the last one more if it ends in "...".
func files(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if slices.Contains(args, "") {
			return fmt.Errorf("%s: \"\" is no file; name %s, or - for standard input (see --help)", cmd.Name(), strings.Join(names, " and "))
		}
		more := strings.HasSuffix(names[len(names)-1], "...")
		if len(args) != len(names) && (!more || len(args) < len(names)) {
			return fmt.Errorf("%s: %s given; name %s, or - for standard input (see --help)",
				cmd.Name(), count(len(args), "file"), strings.Join(names, " and "))
		}
		if isStdin := func(s string) bool { return s == "-" }; len(slices.DeleteFunc(slices.Clone(args), isStdin)) < len(args)-1 {
			return fmt.Errorf("%s: - is given twice; standard input can be read once", cmd.Name())
		}
		return nil
	}
}

// unreadable says how to mend what keeps a file from being read.
func unreadable(err error) error {
	return fmt.Errorf("%w; name a file that you can read, or - for standard input", plain(err))
}

// unwritable says how to mend what keeps a flag's file or folder from being written.
func unwritable(flag string, err error) error {
	return fmt.Errorf("%s: %w; name a place that you can write to", flag, plain(err))
}

// plain is the error of a file as people read it: the path first, not the call.
func plain(err error) error {
	fault := (*fs.PathError)(nil)
	if !errors.As(err, &fault) {
		return err
	}
	path := fault.Path
	if strings.HasPrefix(filepath.Base(path), folder.TemporaryPrefix) {
		path = filepath.Dir(path)
	}
	return fmt.Errorf("%s: %w", path, fault.Err)
}

// maxInputBytes bounds what is read of a file, such as of a device that never
// ends. The parsers refuse less than that.
const maxInputBytes = 128 << 20

// readFile reads a file, or the command's standard input if it is "-", and
// returns the name to show for it.
func readFile(cmd *cobra.Command, file string) (name string, data []byte, err error) {
	name, in := "stdin", cmd.InOrStdin()
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return file, nil, unreadable(err)
		}
		defer f.Close()
		name, in = file, f
	}
	data, err = io.ReadAll(io.LimitReader(in, maxInputBytes+1))
	switch {
	case err != nil && file == "-":
		err = fmt.Errorf("standard input: %w", plain(err))
	case err != nil:
		err = unreadable(err)
	case len(data) > maxInputBytes:
		err = fmt.Errorf("%s: more than %d bytes; no file that this command reads has as many", name, maxInputBytes)
	}
	return name, data, err
}

func readPolicy(cmd *cobra.Command, file string) (*document.Document, error) {
	name, data, err := readFile(cmd, file)
	if err != nil {
		return nil, err
	}
	return parsePolicy(name, data)
}

// parsePolicy is document.Parse for a file, which the gateway takes only with a
// newline at its end.
func parsePolicy(name string, data []byte) (*document.Document, error) {
	d, err := document.Parse(name, data)
	if err == nil && !bytes.HasSuffix(data, []byte("\n")) {
		lines := bytes.Split(data, []byte("\n"))
		return nil, document.Problems{{File: name, Line: len(lines), Column: len(lines[len(lines)-1]) + 1,
			Message: "no newline at the end, so the policy may be cut off, and no gateway takes it; end the file with one"}}
	}
	return d, err
}
