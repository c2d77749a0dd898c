// Command libwildcard_egress is the module that Envoy loads: build it with
// -buildmode=c-shared. It joins the host (package envoy), the filter and the
// policies in force.
package main

import (
	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"

	"wildcard-egress/envoy"
	"wildcard-egress/filter"
	"wildcard-egress/filter/policy"
	"wildcard-egress/livepolicy"
)

func init() {
	limitRuntime()
	envoy.Register(newFactory)
}

func main() {} // a c-shared library never runs it

// factory serves one filter_config.
type factory struct {
	enforcer filter.Enforcer
	host     *envoy.Config
	lineage  *livepolicy.Lineage // nil: the filter_config itself has mistakes
}

func newFactory(host *envoy.Config, filterName string, filterConfig []byte) (envoy.Factory, error) {
	if err := defineMetrics(host); err != nil {
		return nil, err
	}
	config, err := filter.ParseConfig(filterConfig)
	f := &factory{host: host}
	pinned := (*policy.Policy)(nil)
	switch {
	case err != nil:
		module.refused(err)
	case config.PolicyFile != "":
		f.lineage, err = module.policies.File(config.PolicyFile)
	default:
		f.lineage, pinned, err = module.policies.Inline(filterName, config.Policy)
	}
	// Envoy gets no refusal for a bad policy, unless it was asked for: it would
	// remember the refused configuration, and reject every later change of the
	// listener with it. Without a policy everything is denied.
	if err != nil && config.RequirePolicyAtStart {
		module.release(f)
		return nil, err
	}
	f.enforcer = filter.Enforcer{UpstreamPort: config.UpstreamPort, Log: module.log,
		Policy: f.newest, Newest: f.newest}
	if f.lineage != nil {
		f.enforcer.Lineage = f.lineage.ID
	}
	if config.PolicyFile == "" {
		f.enforcer.Policy = func() *policy.Policy { return pinned }
	}
	module.add(f)
	return f, nil
}

func (f *factory) newest() *policy.Policy {
	if f.lineage == nil {
		return nil
	}
	return f.lineage.Newest()
}

// NewFilter is part of envoy.Factory.
func (f *factory) NewFilter(conn *envoy.Conn) api.DownstreamFilter { return f.enforcer.NewFilter(conn) }

// OnRevoke is part of envoy.Revoker.
func (f *factory) OnRevoke(conn *envoy.Conn) { f.enforcer.Revoke(conn) }

// Close is part of envoy.Factory.
func (f *factory) Close() { module.release(f) }
