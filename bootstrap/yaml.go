package bootstrap

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
	"google.golang.org/protobuf/reflect/protoreflect"
	"sigs.k8s.io/yaml"
)

// YAML returns m as Envoy reads it from a file, after Validate.
func YAML(m proto.Message) ([]byte, error) {
	if err := Validate(m); err != nil {
		return nil, err
	}
	json, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return nil, err
	}
	return yaml.JSONToYAML(json)
}

// Validate checks m, and each message in it, packed ones too, by the rules
// that Envoy's own API gives for their fields.
func Validate(m proto.Message) error {
	return protorange.Options{Stable: true}.Range(m.ProtoReflect(), func(p protopath.Values) error {
		last := p.Index(-1)
		message, ok := last.Value.Interface().(protoreflect.Message)
		if !ok {
			return nil
		}
		if v, ok := message.Interface().(interface{ ValidateAll() error }); ok {
			if err := v.ValidateAll(); err != nil {
				return fmt.Errorf("%s: %w", p.Path[1:], err)
			}
		}
		return nil
	}, nil)
}
