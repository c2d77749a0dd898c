package main

import (
	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"

	"wildcard-egress/envoy"
	"wildcard-egress/outcome"
)

// outcomes serves one filter_config of the filter that says why a connection failed.
type outcomes struct{ asker *outcome.Asker }

func newOutcomes(host *envoy.Config, filterConfig []byte) (envoy.Factory, error) {
	config, err := outcome.ParseConfig(filterConfig)
	if err != nil {
		return nil, err
	}
	host.ReportOutcomes()
	return &outcomes{outcome.NewAsker(config)}, host.DefineCounters(outcome.Counters(), outcome.PanicCounter())
}

// NewFilter is part of envoy.Factory.
func (o *outcomes) NewFilter(conn *envoy.Conn) api.DownstreamFilter {
	return outcomeFilter{outcome.New(conn, o.asker)}
}

// Close is part of envoy.Factory.
func (o *outcomes) Close() {}

// outcomeFilter is an envoy.OutcomeFilter.
type outcomeFilter struct{ *outcome.Filter }

func (f outcomeFilter) OnUnresolved() { f.Unresolved() }
func (f outcomeFilter) OnWoken()      { f.Woken() }

func (f outcomeFilter) OnFailed(failure envoy.Failure) {
	f.Failed(map[envoy.Failure]string{
		envoy.NoRoom: outcome.DNSFull, envoy.ConnectRefused: outcome.ConnectRefused,
		envoy.ConnectTimeout: outcome.ConnectTimeout, envoy.ConnectFailed: outcome.ConnectFailed,
		envoy.Reset: outcome.Reset, envoy.Overflow: outcome.Overflow,
	}[failure])
}
