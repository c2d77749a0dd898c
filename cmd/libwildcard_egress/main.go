// Command libwildcard_egress is the module that Envoy loads: build it with
// -buildmode=c-shared. It joins the host (package envoy), the filter and the
// policies in force.
package main

import (
	"fmt"

	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"

	"wildcard-egress/envoy"
	"wildcard-egress/filter"
	"wildcard-egress/livepolicy"
	"wildcard-egress/outcome"
)

func init() {
	limitRuntime()
	envoy.Register(withFaults(newFactory))
}

func main() {} // a c-shared library never runs it

// factory serves one filter_config.
type factory struct {
	enforcer  filter.Enforcer
	readiness bool // it only says whether there is a policy
	host      *envoy.Config
	use       *livepolicy.Use
}

// newFactory gives Envoy no refusal for a bad policy, unless it was asked for:
// Envoy would remember the refused configuration, and reject every later change
// of the listener with it. Without a policy everything is denied.
func newFactory(host *envoy.Config, filterName string, filterConfig []byte) (envoy.Factory, error) {
	if filterName == outcome.FilterName {
		return newOutcomes(host, filterConfig)
	}
	if err := defineMetrics(host); err != nil {
		return nil, err
	}
	config, err := filter.ParseConfig(filterConfig)
	f := &factory{host: host, readiness: config.Readiness}
	switch {
	case err != nil:
		f.use = module.policies.Unreadable(filterName, err)
	case config.PolicyFile != "":
		f.use = module.policies.File(config.PolicyFile, endMark(config.RequireEndMark))
	default:
		f.use = module.policies.Inline(filterName, config.Policy, endMark(config.RequireEndMark))
	}
	if config.RequirePolicyAtStart && f.use.Policy() == nil {
		module.policies.Release(f.use)
		return nil, fmt.Errorf("require_policy_at_start: %w", f.use.Lineage.Status().Problem)
	}
	f.enforcer = filter.Enforcer{Caller: config.Caller, UpstreamPort: config.UpstreamPort, Log: module.log, ID: f.use.ID,
		Names: &module.names, Rules: &module.rules, MaxConnections: config.MaxConnections, Policy: f.use.Policy, Newest: f.use.Newest}
	if config.Caller == filter.CallerProxyProtocol {
		host.TakeCallersFromProxyProtocol()
	}
	if config.Readiness {
		host.Exempt()
	} else {
		host.RecallDecisions(config.DecisionCache, counterHit, counterMiss)
	}
	host.LimitWaiting(config.MaxWaiting/4, config.MaxWaiting, filter.WaitingCounter())
	host.CountLinesLeftOut(counterLinesLeftOut)
	host.ExpireBy(filter.CertificateExpiresKey)
	module.guardMemory()
	module.add(f)
	// By then Envoy has made up its mind about what the configuration stands in;
	// if it has refused that, the task is gone with the configuration.
	host.OnMain(func() { module.policies.Settle(f.use) })
	return f, nil
}

func endMark(required *bool) livepolicy.EndMark {
	switch {
	case required == nil:
		return livepolicy.EndMarkInPlace
	case *required:
		return livepolicy.EndMarkAlways
	}
	return livepolicy.EndMarkNever
}

// NewFilter is part of envoy.Factory.
func (f *factory) NewFilter(conn *envoy.Conn) api.DownstreamFilter {
	if f.readiness {
		return f.enforcer.NewReadiness(connection{conn})
	}
	return f.enforcer.NewFilter(connection{conn})
}

// OnRevoke is part of envoy.Revoker.
func (f *factory) OnRevoke(conn *envoy.Conn) { f.enforcer.Revoke(connection{conn}) }

// OnExpire is part of envoy.Expirer.
func (f *factory) OnExpire(conn *envoy.Conn) { f.enforcer.Expire(connection{conn}) }

// OnShed is part of envoy.Shedder.
func (f *factory) OnShed(conn *envoy.Conn) { f.enforcer.Shed(connection{conn}) }

// Close is part of envoy.Factory.
func (f *factory) Close() { module.remove(f) }

// connection is what package filter needs of one.
type connection struct{ *envoy.Conn }

// Enter is part of filter.Connection.
func (c connection) Enter(allowances []filter.Allowance) (filter.Room, int) {
	given := make([]envoy.Allowance, len(allowances))
	for i, a := range allowances {
		given[i] = envoy.Allowance(a)
	}
	room, party := c.Conn.Enter(given)
	return filter.Room(room), party
}
