package main

import (
	_ "embed" // the policy's schema
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// policySchema is held to the parser by tests.
//
//go:embed policy.schema.json
var policySchema string

func newSchemaCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "schema policy|options",
		Short: "Print the JSON Schema of a policy or of an options file",
		Long: `Print the JSON Schema (draft 2020-12) of a policy, or of a file for --options,
for editors and for checks in a repository. A schema can not say all that makes a
policy good; check can.`,
		Example: `  wildcard-egress schema policy > policy.schema.json`,
		Args:    cobra.ArbitraryArgs,
		RunE:    chooseCommand,
	}
	c.AddCommand(&cobra.Command{
		Use: "policy", Short: "The schema of a policy", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(cmd.OutOrStdout(), policySchema)
			return err
		},
	}, &cobra.Command{
		Use: "options", Short: "The schema of an options file", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			encoder := json.NewEncoder(cmd.OutOrStdout())
			encoder.SetEscapeHTML(false)
			encoder.SetIndent("", "  ")
			return encoder.Encode(optionsSchema(cmd.Root()))
		},
	})
	return c
}

// optionsSchema is made of the flags that can stand in the file.
func optionsSchema(root *cobra.Command) map[string]any {
	properties := map[string]any{}
	for _, c := range optionCommands(root) {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if isOption(f) {
				properties[f.Name] = optionSchema(f)
			}
		})
	}
	return map[string]any{
		"$schema":              "https://json-schema.org/draft/2020-12/schema",
		"title":                "Options of wildcard-egress",
		"description":          "What `istio` and `bootstrap` can be told, by the names of their flags.",
		"type":                 []string{"object", "null"},
		"additionalProperties": false,
		"properties":           properties,
	}
}

func optionSchema(f *pflag.Flag) map[string]any {
	_, usage := pflag.UnquoteUsage(f)
	value := map[string]any{"type": []string{"string", "number", "boolean"}} // 1.39 is a number to YAML
	switch f.Value.Type() {
	case "bool":
		value["type"] = "boolean"
	case "uint16":
		value = map[string]any{"type": "integer", "minimum": 0, "maximum": 65535}
	case "uint32", "int32", "int":
		value["type"] = "integer"
	}
	if choices := choicesOf(f); choices != nil {
		value = map[string]any{"enum": choices}
	}
	if isRepeated(f) {
		value = map[string]any{"anyOf": []any{value, map[string]any{"type": "array", "minItems": 1, "items": value}}}
	}
	value["description"] = usage
	return value
}
