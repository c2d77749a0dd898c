// Command libwildcard_egress is the module that Envoy loads: build it with
// -buildmode=c-shared. It joins the host (package envoy) and the filter.
package main

import (
	"log/slog"

	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"

	"wildcard-egress/envoy"
	"wildcard-egress/filter"
	"wildcard-egress/livepolicy"
)

func init() {
	limitRuntime()
	envoy.Register(newFactory)
}

func main() {} // a c-shared library never runs it

// factory serves one filter_config.
type factory struct{ enforcer filter.Enforcer }

func newFactory(host *envoy.Config, filterConfig []byte) (envoy.Factory, error) {
	if err := host.DefineCounters(filter.Counters(), filter.PanicCounter()); err != nil {
		return nil, err
	}
	log := slog.New(envoy.LogHandler("wildcard_egress"))
	config, err := filter.ParseConfig(filterConfig)
	policies := &livepolicy.Source{}
	switch {
	case err != nil:
	case config.PolicyFile != "":
		err = policies.Load(config.PolicyFile)
	default:
		err = policies.Set("filter_config", config.Policy)
	}
	if err != nil {
		// Never a refusal for a bad policy: Envoy would remember the refused
		// configuration and reject every later change of the listener with it.
		if config.RequirePolicyAtStart {
			return nil, err
		}
		log.Error("no policy, so every connection is denied: " + err.Error())
	}
	host.SetDeadline(policies.Current().Settings().ClientHelloTimeout)
	return &factory{filter.Enforcer{Policy: policies.Current, UpstreamPort: config.UpstreamPort, Log: log}}, nil
}

// NewFilter is part of envoy.Factory.
func (f *factory) NewFilter(conn *envoy.Conn) api.DownstreamFilter { return f.enforcer.NewFilter(conn) }

// Close is part of envoy.Factory.
func (f *factory) Close() {}
