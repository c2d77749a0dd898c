//go:build fault

package main

import (
	"os"

	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"

	"wildcard-egress/envoy"
)

// fault fails at the point that WILDCARD_EGRESS_PANIC names: the test of the
// barriers. "nil:" before the name is a nil dereference, which comes as a
// signal. It exists only in builds with the tag "fault".
func fault(point string) {
	switch os.Getenv("WILDCARD_EGRESS_PANIC") {
	case point:
		panic("forced in " + point)
	case "nil:" + point:
		var nowhere *int
		_ = *nowhere
	}
}

// withFaults makes all that the host calls fail at a point named for the hook.
func withFaults(make envoy.NewFactory) envoy.NewFactory {
	return func(host *envoy.Config, name string, config []byte) (envoy.Factory, error) {
		fault("config_new")
		made, err := make(host, name, config)
		if err != nil {
			return nil, err
		}
		if ours, ok := made.(*factory); ok {
			return faultyFactory{ours}, nil
		}
		return made, nil
	}
}

type faultyFactory struct{ *factory }

func (f faultyFactory) NewFilter(conn *envoy.Conn) api.DownstreamFilter {
	fault("new")
	return faultyFilter{f.factory.NewFilter(conn)}
}

func (f faultyFactory) OnRevoke(conn *envoy.Conn) {
	fault("revoke")
	f.factory.OnRevoke(conn)
}

func (f faultyFactory) Close() {
	fault("config_destroy")
	f.factory.Close()
}

type faultyFilter struct{ api.DownstreamFilter }

func (f faultyFilter) OnNewConnection() api.FilterStatus {
	fault("new_connection")
	return f.DownstreamFilter.OnNewConnection()
}

func (f faultyFilter) OnData(b []byte, endOfStream bool) api.FilterStatus {
	fault("read")
	return f.DownstreamFilter.OnData(b, endOfStream)
}

func (f faultyFilter) OnEvent(event api.ConnectionEvent) {
	fault("event")
	f.DownstreamFilter.OnEvent(event)
}

func (f faultyFilter) OnDeadline() {
	fault("deadline")
	f.DownstreamFilter.(envoy.Deadliner).OnDeadline()
}
