package command_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"

	"wildcard-egress/filter/policy/document"
	"wildcard-egress/testenv/built"
)

func schemaOf(t *testing.T, what string) *jsonschema.Schema {
	t.Helper()
	text, err := built.Run(t.Context(), "schema", what)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(what+".json", value); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(what + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// accepts says whether the schema takes a YAML text; known is false for what is
// no YAML to this library.
func accepts(s *jsonschema.Schema, text string) (ok, known bool) {
	object, err := yaml.YAMLToJSONStrict([]byte(text))
	if err != nil {
		return false, false
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(object)))
	return err == nil && s.Validate(value) == nil, err == nil
}

// policiesOfTests are all texts in the parser's tests that look like policies,
// good ones and mistakes.
func policiesOfTests(t *testing.T, root string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "filter/policy/document/*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	var texts []string
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				if text, err := strconv.Unquote(literal.Value); err == nil && strings.Contains(text, "version") && strings.Contains(text, "rules") {
					texts = append(texts, text)
				}
			}
			return true
		})
	}
	return texts
}

// The schema refuses nothing that the parser takes, and what it is there to
// find it finds.
func TestThePolicysSchemaAgreesWithTheParser(t *testing.T) {
	root, err := built.Root()
	if err != nil {
		t.Fatal(err)
	}
	schema := schemaOf(t, "policy")
	texts := policiesOfTests(t, root)
	examples, err := filepath.Glob(filepath.Join(root, "examples/*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range examples {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	taken, refused := 0, 0
	for _, text := range texts {
		_, parsing := document.Parse("policy.yaml", []byte(text))
		ok, known := accepts(schema, text)
		switch {
		case parsing == nil && !ok && known:
			t.Errorf("the schema refuses what the parser takes: %s", text)
		case parsing == nil:
			taken++
		case !ok && known:
			refused++
		}
	}
	if taken < 3 {
		t.Errorf("only %d of %d texts are policies", taken, len(texts))
	}
	t.Logf("%d texts: %d are policies; of the rest the schema refuses %d, and the others only check can", len(texts), taken, refused)
	const rule = `{name: a, hosts: [a.example.com]`
	for _, text := range []string{
		`{rules: [` + rule + `}]}`, `{version: 2, rules: [` + rule + `}]}`, `{version: 1}`, `{version: 1, rules: []}`, `[]`,
		`{version: 1, rule: [], rules: [` + rule + `}]}`, `{version: 1, rules: [{hosts: [a.example.com]}]}`, `{version: 1, rules: [{name: a}]}`,
		`{version: 1, rules: [` + rule + `, host: b}]}`, `{version: 1, rules: [` + rule + `, action: permit}]}`,
		`{version: 1, rules: [` + rule + `, ports: [0]}]}`, `{version: 1, rules: [` + rule + `, ports: [443, 443]}]}`,
		`{version: 1, rules: [` + rule + `, ports: 443}]}`, `{version: 1, rules: [` + rule + `, mode: off}]}`, `{version: 1, rules: [` + rule + `, on_revoke: cut}]}`,
		`{version: 1, rules: [` + rule + `, action: deny, limits: {}}]}`, `{version: 1, rules: [` + rule + `, limits: {per_caller: {names: 0}}}]}`,
		`{version: 1, defaults: {refuse_ech: 1}, rules: [` + rule + `}]}`, `{version: 1, defaults: {max_client_hello_bytes: 1}, rules: [` + rule + `}]}`,
		`{version: 1, defaults: {refusal: drop}, rules: [` + rule + `}]}`, `{version: 1, rules: [{name: "a b", hosts: [a.example.com]}]}`,
	} {
		if _, err := document.Parse("policy.yaml", []byte(text)); err == nil {
			t.Errorf("the parser takes %s", text)
		}
		if ok, _ := accepts(schema, text); ok {
			t.Errorf("the schema takes %s", text)
		}
	}
}

func TestTheSchemaOfOptionsAgreesWithTheCommand(t *testing.T) {
	schema := schemaOf(t, "options")
	policy := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(policy, []byte("version: 1\nrules: [{name: a, hosts: [a.example.com]}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, good := range map[string]bool{
		"name: out\napp-namespace: [shop, payments]\nreplicas: 3\nstrict-network: true\nkeepalive: 30s": true,
		"app-namespace: shop\nguard-allow: [10.0.0.0/8]\nwithout: [role]\nenvoy-version: 1.39":          true,
		"nam: out": false, "port: many": false, "port: 70000": false, "replicas: few": false, "ipv6: maybe": false,
		"name: [a]": false, "name: {}": false, "api: other": false, "allow-egress: []": false, "allow-egress: [[a]]": false, "[]": false,
	} {
		file := filepath.Join(t.TempDir(), "options.yaml")
		if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := built.Run(t.Context(), "istio", policy, "--options", file)
		ok, _ := accepts(schema, text)
		if (err == nil) != good || ok != good {
			t.Errorf("%q: the command says %v, the schema takes it: %v; want %v", text, err, ok, good)
		}
	}
	printed, err := built.Run(t.Context(), "istio", "--print-options", "--name", "out", "--app-namespace", "shop", "--allow-egress", "a:1")
	if err != nil {
		t.Fatal(err)
	}
	if ok, _ := accepts(schema, string(printed)); !ok {
		t.Errorf("the schema refuses what --print-options prints: %s", printed)
	}
}
