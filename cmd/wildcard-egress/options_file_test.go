package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func runCommand(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&bytes.Buffer{})
	err := root.Execute()
	return out.String(), err
}

func writeTemporary(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

const smallPolicy = "version: 1\nrules: [{name: a, hosts: [\"*.example.com\"]}]\n"

func TestOptionsOfAFileAreThoseOfTheFlags(t *testing.T) {
	policy := writeTemporary(t, "policy.yaml", smallPolicy)
	options := writeTemporary(t, "options.yaml", `
name: out
app-namespace: [shop, payments]
replicas: 3
strict-network: true
without: [role, telemetry]
allow-egress:
  - monitoring:4317
  - "[fd00::/8]:443"
guard-allow: 10.1.0.0/16
keepalive: 30s
envoy-version: "1.39"  # of bootstrap: counts for nothing here
`)
	flags := []string{"--name", "out", "--app-namespace", "shop,payments", "--replicas", "3", "--strict-network", "--without", "role,telemetry",
		"--allow-egress", "monitoring:4317", "--allow-egress", "[fd00::/8]:443", "--guard-allow", "10.1.0.0/16", "--keepalive", "30s"}
	want, err := runCommand(t, append([]string{"istio", policy}, flags...)...)
	if err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"from the file":                  {"--options", options},
		"flags win":                      {"--options", options, "--replicas", "3", "--app-namespace", "shop", "--app-namespace", "payments"},
		"printed and read, comments too": {"--options", printed(t, append([]string{"istio"}, flags...)...)},
	} {
		if got, err := runCommand(t, append([]string{"istio", policy}, args...)...); err != nil || got != want {
			t.Errorf("%s: error %v; other manifests than with the flags", name, err)
		}
	}
	if got, err := runCommand(t, "istio", policy, "--options", options, "--name", "other"); err != nil || !strings.Contains(got, "name: other\n") {
		t.Errorf("a flag beside the file: %v; want it to win", err)
	}
}

// printed is a file with what --print-options prints.
func printed(t *testing.T, args ...string) string {
	t.Helper()
	out, err := runCommand(t, append(args, "--print-options")...)
	if err != nil {
		t.Fatal(err)
	}
	return writeTemporary(t, "printed.yaml", out)
}

func TestPrintedOptionsChangeNothing(t *testing.T) {
	policy := writeTemporary(t, "policy.yaml", smallPolicy)
	for _, command := range [][]string{{"istio"}, {"bootstrap", "gateway"}, {"bootstrap", "legacy"}} {
		want, err := runCommand(t, append(command, policy)...)
		if err != nil {
			t.Fatal(err)
		}
		got, err := runCommand(t, append(command, policy, "--options", printed(t, command...))...)
		if err != nil || got != want {
			t.Errorf("%v: error %v; other output than without a file", command, err)
		}
	}
}

func TestMistakesInAnOptionsFileHaveTheirPlace(t *testing.T) {
	policy := writeTemporary(t, "policy.yaml", smallPolicy)
	for text, want := range map[string]string{
		"nam: out":                        `options.yaml:1:1: unknown field "nam"; the fields here are `,
		"policy: other.yaml":              `unknown field "policy"`,
		"port: many":                      `options.yaml:1:7: port: "many": want a number from 0 to 65535`,
		"port: 010":                       `options.yaml:1:7: port: "010": want it in decimal, without zeros before it`,
		"port: 0o10":                      `options.yaml:1:7: port: "0o10": want it in decimal`,
		"port: 0x1F":                      `want it in decimal`,
		"port: 1_000":                     `want it in decimal`,
		"port: +443":                      `want it in decimal`,
		"port: 4.43e2":                    `want a number`,
		"ipv6: yes":                       `options.yaml:1:7: ipv6: "yes" where true or false is wanted`,
		"name: [a, b]":                    `options.yaml:1:7: name: a list where one value is wanted`,
		"name: {a: b}":                    `where one value is wanted`,
		"allow-egress: [monitoring, [a]]": `options.yaml:1:28: allow-egress[1]: a list where one value is wanted`,
		"allow-egress: []":                "empty list",
		"allow-egress: {}":                "where a value or a list of them is wanted",
		"allow-egress: [Big]":             `options.yaml:1:16: allow-egress: "Big": "Big": want NAMESPACE or CIDR`,
		"keepalive: soon":                 `keepalive: "soon": want a time such as 30s or 5m`,
		"name: a\nname: b":                "options.yaml:2:1: name: field given twice",
		"name: a\n---\nname: b":           "second YAML document",
		"envoy-version: [1]":              "where one value is wanted",
		"name: 'a":                        "not YAML",
		"port: 1\nreplicas: 0\nname: Out": `--name "Out"`,
		"max-connections: many\nnam: out": `options.yaml:1:18: max-connections: "many": want a number`,
	} {
		options := writeTemporary(t, "options.yaml", text+"\n")
		_, err := runCommand(t, "istio", policy, "--options", options)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q in it", text, err, want)
		}
	}
	if _, err := runCommand(t, "istio", policy, "--options", "missing.yaml"); err == nil || !strings.Contains(err.Error(), "--options") {
		t.Errorf("a file that is not there: %v", err)
	}
}

// The help text is what says that a flag may be repeated.
func TestRepeatedFlagsSaySo(t *testing.T) {
	for path, c := range commands(t) {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if _, slice := f.Value.(pflag.SliceValue); slice != isRepeated(f) && slice {
				t.Errorf("%s: --%s may be repeated and does not say so", path, f.Name)
			}
		})
	}
}
