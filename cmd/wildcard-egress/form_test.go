package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// commands are all commands that people use, by the path that they type.
func commands(t *testing.T) map[string]*cobra.Command {
	t.Helper()
	found := map[string]*cobra.Command{}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.RunE != nil && !c.HasSubCommands() && !c.Hidden {
			found[c.CommandPath()] = c
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newRootCommand())
	if len(found) < 10 {
		t.Fatalf("only %d commands found", len(found))
	}
	return found
}

// One form for all commands: what is learned of one holds for the others.
func TestCommandsHaveOneForm(t *testing.T) {
	for path, c := range commands(t) {
		usage := c.UseLine()
		if strings.Contains(usage, "POLICY") != (c.Flags().Lookup("policy") != nil) {
			t.Errorf("%s: takes a policy as an argument or as --policy, but not as both", path)
		}
		if o := c.Flags().ShorthandLookup("o"); o != nil && !strings.HasPrefix(path, "wildcard-egress completion") {
			if name, _ := pflag.UnquoteUsage(o); o.Name != "output" || !strings.Contains(name, "|") {
				t.Errorf("%s: -o is --%s %s; it is a format in all commands", path, o.Name, name)
			}
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if name, text := pflag.UnquoteUsage(f); f.Value.Type() == "string" && name == "string" {
				t.Errorf("%s: --%s %q does not say what it takes; write it in backquotes", path, f.Name, text)
			}
		})
	}
}

var libraryWords = regexp.MustCompile(`strconv|pflag|cobra|invalid argument|invalid syntax|unknown (shorthand )?flag|flag needs|required flag|unknown command|if any flags|yaml: (line|un)|accepts `)

// Mistakes on the command line are told in the words of the help text.
func TestMistakesAreInOurWords(t *testing.T) {
	for args, want := range map[string]string{
		"explode":                              `wildcard-egress: "explode" is no command; choose one of bootstrap, check`,
		"check --nothing":                      "check: --nothing: no such flag",
		"check -x":                             "check: -x: no such flag",
		"istio -o out":                         "istio: -o: no such flag; the folder is --to",
		"check -o":                             "check: --output: give it text or json",
		"check -o xml p":                       `check: --output "xml": want text or json`,
		"explain --port many p":                `explain: --port "many": want a number from 0 to 65535`,
		"explain --port 70000 p":               `explain: --port "70000": want a number from 0 to 65535`,
		"explain p":                            "explain: --server-name: give the name",
		"istio p --replicas few":               `istio: --replicas "few": want a whole number`,
		"istio p --no-envoyfilter=perhaps":     `istio: --no-envoyfilter "perhaps": want true or false`,
		"lint":                                 "lint: 0 files given; name POLICY",
		"diff -":                               "diff: 1 file given; name OLD and NEW",
		"diff - -":                             "diff: - is given twice",
		"test --policy - -":                    "test: - is given twice",
		"inspect --max-client-hello-bytes 0 f": "--max-client-hello-bytes 0: want 1 to 65536",
		"preflight --admin localhost:1 --kubectl p":  "--admin, --kubectl: ask at one of them",
		"preflight --admin ftp://x":                  `--admin "ftp://x": want HOST:PORT`,
		"check missing.yaml":                         "missing.yaml: no such file or directory; name a file that you can read",
		"bootstrap sidecar missing.yaml --gateway :": "--gateway",
		"man":                                     "man: --to: name the folder",
		"drain x":                                 `drain: "x": want no argument`,
		"schema policy x":                         `policy: "x": want no argument`,
		"completion bash x":                       `bash: "x": want no argument`,
		"completion x":                            `completion: "x" is no command; choose one of bash, fish`,
		"help x":                                  `wildcard-egress: "x" is no command; choose one of`,
		"help bootstrap x":                        `bootstrap: "x" is no command; choose one of gateway`,
		"logs top a b":                            "top: 2 files given; name FILE",
		"check --policy a --policy b":             `check: --policy "b": given twice`,
		"check -o json -o text p":                 `check: --output "text": given twice`,
		"lint --policy= p":                        `lint: --policy "": empty; give it a value`,
		"bootstrap gateway --cert= p":             `gateway: --cert "": empty`,
		"bootstrap gateway --admin=x p":           `--admin "x": want HOST:PORT`,
		"bootstrap gateway --dns-family=x p":      `--dns-family "x": want one of all, v4_preferred`,
		"bootstrap gateway --idle-timeout=1ms p":  `--idle-timeout 1ms: want 1s to 8760h, or 0 for none`,
		"bootstrap gateway --max-waiting=-1 p":    `--max-waiting "-1": want a number from 0 to 4294967295`,
		"bootstrap sidecar --gateway 0.0.0.0:1 p": `--gateway "0.0.0.0:1": want HOST:PORT with the IP address`,
		"bootstrap sidecar --gateway a:1 --gateway-principal a p": `--gateway-principal "a": a principal is a SPIFFE ID`,
		"explain --server-name a.b --principal a p":               `explain: --principal "a": a principal is a SPIFFE ID`,
		"preflight --admin 127.0.0.1:70000":                       `--admin "127.0.0.1:70000": want HOST:PORT`,
		"drain --admin :9901":                                     `--admin ":9901": want HOST:PORT`,
	} {
		t.Run(args, func(t *testing.T) {
			root := newRootCommand()
			root.SetArgs(strings.Fields(args))
			root.SetIn(strings.NewReader(""))
			root.SetOut(&bytes.Buffer{})
			err := root.Execute()
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Fatalf("error = %v, want %q in it", err, want)
			}
			if word := libraryWords.FindString(err.Error()); word != "" {
				t.Errorf("error = %v: %q is a library's word", err, word)
			}
		})
	}
}

func TestValuesAreCompleted(t *testing.T) {
	for args, want := range map[string]string{
		"check -o ":                          "text\njson\n",
		"bootstrap sidecar --unlisted ":      "block\npassthrough\n",
		"istio --policy-by ":                 "configmap\necds\n",
		"bootstrap gateway --address-guard ": "on\noff\n",
	} {
		var out bytes.Buffer
		root := newRootCommand()
		root.SetArgs(append([]string{cobra.ShellCompRequestCmd}, strings.Split(args, " ")...))
		root.SetOut(&out)
		root.SetErr(&bytes.Buffer{})
		if err := root.Execute(); err != nil {
			t.Errorf("%q: %v", args, err)
		}
		if got := out.String(); !strings.HasPrefix(got, want) {
			t.Errorf("%q completes to %q, want %q", args, got, want)
		}
	}
}

func TestEachCommandHasAManualPage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man1")
	root := newRootCommand()
	root.SetArgs([]string{"man", "--to", dir})
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	for path := range commands(t) {
		page := filepath.Join(dir, strings.ReplaceAll(path, " ", "-")+".1")
		text, err := os.ReadFile(page)
		if err != nil || !bytes.Contains(text, []byte(".SH SYNOPSIS")) {
			t.Errorf("%s: %v, %d bytes; want a page with a synopsis", page, err, len(text))
		}
	}
}

// The command says what the module says to Envoy.
func TestVersionHasTheABI(t *testing.T) {
	hooks, err := os.ReadFile("../../envoy/hooks.c")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(hooks, []byte(`return "`+abiVersion+`";`)) {
		t.Errorf("envoy/hooks.c does not return %q", abiVersion)
	}
	if !regexp.MustCompile(`, Envoy dynamic module ABI v\d`).MatchString(version()) {
		t.Errorf("version() = %q, want the commit and the ABI", version())
	}
}
