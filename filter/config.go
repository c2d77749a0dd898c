package filter

import (
	"fmt"
	"strings"

	xds "github.com/cncf/xds/go/xds/type/v3"
	"github.com/goccy/go-yaml"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// Config is the module's filter_config.
type Config struct {
	// PolicyFile is the policy's file; empty when the policy is inline.
	PolicyFile string `yaml:"policy_file"`
	// Policy is the inline policy, YAML or JSON; nil when it is in a file.
	Policy inline `yaml:"policy"`
	// RequirePolicyAtStart refuses the configuration when there is no good
	// policy, instead of denying everything until there is one.
	RequirePolicyAtStart bool `yaml:"require_policy_at_start"`
	// UpstreamPort is dialled instead of the rule's port; 0: the rule's.
	UpstreamPort uint16 `yaml:"upstream_port"`
	// DecisionCache is how many decisions each worker keeps, so that a name that
	// was allowed costs less the next time; 0: none.
	DecisionCache int `yaml:"decision_cache"`
}

// Decisions kept for each worker, about half a kilobyte each.
const (
	defaultDecisionCache = 4096
	maxDecisionCache     = 1 << 20
)

// inline is a policy within another document: as a mapping, or as a string.
type inline []byte

// UnmarshalYAML keeps the bytes; package policy reads them.
func (i *inline) UnmarshalYAML(node []byte) error {
	var text string
	if yaml.Unmarshal(node, &text) == nil {
		node = []byte(text)
	}
	*i = append(inline{}, node...)
	return nil
}

// ParseConfig reads a filter_config as Envoy hands it over: JSON for a Struct,
// the text of a StringValue, a serialized xds.type.v3.TypedStruct. It is either
// a policy itself or a mapping with policy_file or policy. With an error, only
// RequirePolicyAtStart of the Config counts.
func ParseConfig(raw []byte) (Config, error) {
	if text, ok := typedStruct(raw); ok {
		raw = text
	}
	var keys map[string]any
	if err := yaml.Unmarshal(raw, &keys); err != nil {
		return Config{}, fmt.Errorf("filter_config: %s", yaml.FormatError(err, false, false))
	}
	if isPolicy(keys) {
		return Config{Policy: raw, DecisionCache: defaultDecisionCache}, nil
	}
	c := Config{DecisionCache: defaultDecisionCache}
	if err := yaml.UnmarshalWithOptions(raw, &c, yaml.Strict()); err != nil {
		// What was asked for about the start holds whatever else is wrong.
		return Config{RequirePolicyAtStart: keys["require_policy_at_start"] == true},
			fmt.Errorf("filter_config: %s", yaml.FormatError(err, false, false))
	}
	if (c.PolicyFile == "") == (c.Policy == nil) {
		return c, fmt.Errorf("filter_config: give either policy_file (a path) or policy (a policy)")
	}
	if c.DecisionCache < 0 || c.DecisionCache > maxDecisionCache {
		return c, fmt.Errorf("filter_config: decision_cache: %d: give a number from 0 to %d", c.DecisionCache, maxDecisionCache)
	}
	return c, nil
}

func isPolicy(keys map[string]any) bool {
	for _, key := range []string{"version", "defaults", "rules"} {
		if _, ok := keys[key]; ok {
			return true
		}
	}
	return false
}

// typedStruct returns the JSON of a serialized TypedStruct. Control planes that
// do not know the module's type wrap its configuration so.
func typedStruct(raw []byte) ([]byte, bool) {
	var t xds.TypedStruct
	if proto.Unmarshal(raw, &t) != nil || len(t.ProtoReflect().GetUnknown()) > 0 ||
		!strings.Contains(t.GetTypeUrl(), "/") || t.GetValue() == nil {
		return nil, false
	}
	text, err := protojson.Marshal(t.GetValue())
	return text, err == nil
}
