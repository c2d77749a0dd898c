package filter

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	xds "github.com/cncf/xds/go/xds/type/v3"
	"go.yaml.in/yaml/v4"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// Config is the module's filter_config.
type Config struct {
	// PolicyFile is the policy's file; empty when the policy is inline.
	PolicyFile string
	// Policy is the inline policy, YAML or JSON; nil when it is in a file.
	Policy inline
	// RequirePolicyAtStart refuses the configuration when there is no good
	// policy, instead of denying everything until there is one.
	RequirePolicyAtStart bool
	// RequireEndMark says whether a policy must end with the line "...": always,
	// never, or, if nil, where it may have been cut off.
	RequireEndMark *bool
	// Readiness lets every connection through while a policy is in force, and none
	// otherwise: for a health listener, never for one that leads anywhere else.
	Readiness bool
	// Caller says where callers come from; empty: CallerCertificate.
	Caller Caller
	// UpstreamPort is dialled instead of the rule's port; 0: the rule's.
	UpstreamPort uint16
	// DecisionCache is how many decisions each worker keeps, so that a name that
	// was allowed costs less the next time; 0: none.
	DecisionCache int
	// MaxConnections is how many connections Envoy takes in all, so that the last
	// quarter is left to callers who have few; 0: not known.
	MaxConnections uint32
	// MaxWaiting is how many connections may wait for their decision, from accept
	// on, and a quarter of it those of one source address; 0: any number.
	MaxWaiting uint32
}

const defaultDecisionCache = 4096

// MaxDecisionCache bounds Config.DecisionCache: a decision has about half a kilobyte.
const MaxDecisionCache = 1 << 20

// inline is a policy within another document: as a mapping, or as a string.
type inline []byte

// UnmarshalYAML keeps the text; package policy reads it.
func (i *inline) UnmarshalYAML(node *yaml.Node) (err error) {
	if node.Kind == yaml.ScalarNode {
		*i = inline(node.Value)
		return nil
	}
	*i, err = yaml.Marshal(node)
	return err
}

// ParseConfig reads a filter_config as Envoy hands it over: JSON for a Struct,
// the text of a StringValue, a serialized xds.type.v3.TypedStruct. It is either
// a policy itself or a mapping with policy_file or policy. With an error, only
// RequirePolicyAtStart and Caller of the Config count.
func ParseConfig(raw []byte) (Config, error) {
	if text, ok := typedStruct(raw); ok {
		raw = text
	}
	c := Config{DecisionCache: defaultDecisionCache}
	var keys map[string]yaml.Node
	if err := yaml.Unmarshal(raw, &keys); err != nil {
		return Config{}, fmt.Errorf("filter_config: %w", err)
	}
	if isPolicy(keys) {
		c.Policy = raw
		return c, nil
	}
	if err := c.read(keys); err != nil {
		// What was asked for about the start and the callers holds whatever else is
		// wrong: an older policy may be in force.
		start, caller := keys["require_policy_at_start"], keys["caller"]
		if caller.Kind != 0 && caller.Kind != yaml.ScalarNode {
			caller.Value = "unreadable"
		}
		return Config{RequirePolicyAtStart: start.Value == "true", Caller: Caller(caller.Value)}, fmt.Errorf("filter_config: %w", err)
	}
	if (c.PolicyFile == "") == (c.Policy == nil) {
		return c, fmt.Errorf("filter_config: give either policy_file (a path) or policy (a policy)")
	}
	if c.Caller != "" && c.Caller != CallerCertificate && c.Caller != CallerProxyProtocol {
		return c, fmt.Errorf("filter_config: caller: %q: want %s or %s", c.Caller, CallerCertificate, CallerProxyProtocol)
	}
	if c.DecisionCache < 0 || c.DecisionCache > MaxDecisionCache {
		return c, fmt.Errorf("filter_config: decision_cache: %d: give a number from 0 to %d", c.DecisionCache, MaxDecisionCache)
	}
	return c, nil
}

// read takes the values of a mapping, which must have no others.
func (c *Config) read(keys map[string]yaml.Node) error {
	fields := map[string]any{
		"policy_file": &c.PolicyFile, "policy": &c.Policy, "require_policy_at_start": &c.RequirePolicyAtStart,
		"require_end_mark": &c.RequireEndMark, "caller": &c.Caller, "readiness": &c.Readiness,
		"upstream_port": &c.UpstreamPort, "decision_cache": &c.DecisionCache,
		"max_connections": &c.MaxConnections, "max_waiting": &c.MaxWaiting,
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		field, ok := fields[key]
		if !ok {
			return fmt.Errorf("unknown field %q; the fields here are %s", key, strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
		}
		node := keys[key]
		if err := node.Decode(field); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

func isPolicy(keys map[string]yaml.Node) bool {
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
