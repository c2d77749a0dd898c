package istio

import (
	"encoding/json"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	"google.golang.org/protobuf/encoding/protojson"

	"wildcard-egress/bootstrap"
)

func (r *renderer) bootstrapName() string { return r.Name + "-bootstrap" }

// gatewayUnderAgent is the gateway in a pod that has Istio's agent.
func (r *renderer) gatewayUnderAgent() *bootstrapv3.Bootstrap {
	c := r.config
	c.TLS = &bootstrap.TLS{IstioAgent: true}
	c.RequireEndMark = true
	return bootstrap.Gateway(c, policyDir+"/"+policyFile)
}

// bootstrapOverride returns what Istio's agent merges into its own bootstrap:
// our listener, with the certificates that the agent serves, and the cluster.
func (r *renderer) bootstrapOverride() ([]byte, error) {
	b := r.gatewayUnderAgent()
	override := &bootstrapv3.Bootstrap{StaticResources: b.StaticResources, StatsConfig: b.StatsConfig}
	if err := bootstrap.Validate(override); err != nil {
		return nil, err
	}
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(override)
	if err != nil {
		return nil, err
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	return json.MarshalIndent(fields, "", "  ")
}
