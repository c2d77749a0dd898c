package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v4"

	"wildcard-egress/filter/policy/strictyaml"
)

// optionsFile lets the flags of a command stand in a file, by their names. It
// knows no flag: whatever the command has, the file can say.
type optionsFile struct {
	file  string
	print bool
}

// ofOneCall are the flags that say what one call is about; the rest are options.
var ofOneCall = []string{"options", "print-options", "policy", "to", "check", "help", "version"}

func isOption(f *pflag.Flag) bool { return !f.Hidden && !slices.Contains(ofOneCall, f.Name) }

// add adds --options and --print-options. It comes after all other flags, and
// after what they do to RunE.
func (o *optionsFile) add(c *cobra.Command) {
	c.Flags().StringVar(&o.file, "options", "", "take options from a YAML `FILE` whose keys are the flags' names; flags win")
	c.Flags().BoolVar(&o.print, "print-options", false, "print all options as such a file, with what they are now, and do nothing else")
	run, args := c.RunE, c.Args
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if o.file != "" {
			if err := o.read(cmd); err != nil {
				return err
			}
		}
		if o.print {
			return printOptions(cmd.OutOrStdout(), cmd)
		}
		return run(cmd, args)
	}
	c.Args = func(cmd *cobra.Command, given []string) error {
		if o.print && len(given) == 0 {
			return nil
		}
		return args(cmd, given)
	}
}

// read sets the flags that the command line has not. All mistakes are reported,
// and nothing of a file with one counts.
func (o *optionsFile) read(cmd *cobra.Command) error {
	name, data, err := readFile(cmd, o.file)
	if err != nil {
		return fmt.Errorf("--options: %w", err)
	}
	r := &strictyaml.Reader{File: name}
	fields := strictyaml.Fields{}
	// A file may serve all commands that have options: what is another's counts for nothing here.
	for _, c := range optionCommands(cmd.Root()) {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if isOption(f) {
				fields[f.Name] = func(node *yaml.Node, path strictyaml.Path) { setFlag(r, cmd, c, f, node, path) }
			}
		})
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if isOption(f) {
			fields[f.Name] = func(node *yaml.Node, path strictyaml.Path) { setFlag(r, cmd, cmd, f, node, path) }
		}
	})
	var node yaml.Node
	if yaml.Unmarshal(data, &node) == nil && node.Kind == 0 {
		return nil // nothing but comments
	}
	if body := r.Document(data); body != nil {
		r.Fields(body, strictyaml.Root, fields)
	}
	if len(r.Problems) > 0 {
		r.Problems.Sort()
		return r.Problems
	}
	return nil
}

// optionCommands are the commands that have an options file.
func optionCommands(c *cobra.Command) (found []*cobra.Command) {
	if c.Flags().Lookup("options") != nil {
		found = append(found, c)
	}
	for _, sub := range c.Commands() {
		found = append(found, optionCommands(sub)...)
	}
	return found
}

// setFlag takes a value from the file. Of another command's flag it only tells
// mistakes.
func setFlag(r *strictyaml.Reader, cmd, of *cobra.Command, f *pflag.Flag, node *yaml.Node, path strictyaml.Path) {
	values, ok := valuesOf(r, f, node, path)
	if !ok || of == cmd && f.Changed {
		return
	}
	for _, value := range values {
		text, _ := scalar(value)
		if f.Value.Type() == "bool" && text != "true" && text != "false" {
			r.Add(value, path, "%s where true or false is wanted", strictyaml.Describe(value))
			continue
		}
		if err := of.Flags().Set(f.Name, text); err != nil {
			var invalid *pflag.InvalidValueError
			if errors.As(err, &invalid) {
				err = invalid.Unwrap()
			}
			r.Add(value, path, "%q: %s", strictyaml.Clip(text), wantOr(f, err))
		}
	}
}

// valuesOf returns the scalars of a value: of a flag that may be repeated, those
// of a list.
func valuesOf(r *strictyaml.Reader, f *pflag.Flag, node *yaml.Node, path strictyaml.Path) (values []*yaml.Node, ok bool) {
	if isRepeated(f) && strictyaml.Plain(node, yaml.SequenceNode) {
		before := len(r.Problems)
		r.List(node, path, func(n *yaml.Node, path strictyaml.Path) {
			if _, ok := scalar(n); !ok {
				r.Add(n, path, "%s where one value is wanted", strictyaml.Describe(n))
			}
		})
		return node.Content, len(r.Problems) == before
	}
	if _, ok := scalar(node); !ok {
		r.Add(node, path, "%s where %s is wanted", strictyaml.Describe(node),
			map[bool]string{true: "a value or a list of them", false: "one value"}[isRepeated(f)])
		return nil, false
	}
	return []*yaml.Node{node}, true
}

// scalar returns what a value would be on the command line.
func scalar(node *yaml.Node) (string, bool) {
	return node.Value, strictyaml.Plain(node, yaml.ScalarNode) && node.Tag != "!!null"
}

// isRepeated goes by the help text, which tells people, too.
func isRepeated(f *pflag.Flag) bool { return strings.Contains(f.Usage, "may be repeated") }

// printOptions writes a file for --options that changes nothing: what has its
// default is commented out.
func printOptions(out io.Writer, cmd *cobra.Command) error {
	fmt.Fprintf(out, "# Options of %s, for --options. What is commented out has its default.\n", cmd.CommandPath())
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !isOption(f) {
			return
		}
		_, usage := pflag.UnquoteUsage(f)
		text, err := optionText(f)
		failed = errors.Join(failed, err)
		line := f.Name + ": " + text
		if !f.Changed {
			line = "# " + line
		}
		fmt.Fprintf(out, "\n# %s\n%s\n", strings.ReplaceAll(usage, "\n", "\n# "), line)
	})
	return failed
}

// optionText is a flag's value as YAML.
func optionText(f *pflag.Flag) (string, error) {
	value := f.Value.String()
	switch {
	case isRepeated(f):
		values := strings.Split(value, ",")
		if s, ok := f.Value.(pflag.SliceValue); ok {
			values = s.GetSlice()
		}
		var texts []string
		for _, v := range values {
			text, err := yaml.Marshal(v)
			if err != nil {
				return "", err
			}
			if v != "" {
				texts = append(texts, strings.TrimSpace(string(text)))
			}
		}
		return "[" + strings.Join(texts, ", ") + "]", nil
	case slices.Contains([]string{"bool", "uint16", "uint32", "int32", "int"}, f.Value.Type()):
		return value, nil
	}
	text, err := yaml.Marshal(value)
	return strings.TrimSpace(string(text)), err
}
