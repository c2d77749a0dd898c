package filter

import "github.com/envoyproxy/envoy/contrib/golang/common/go/api"

// NewReadiness returns the filter of a connection that asks whether the gateway
// is ready: it goes on if there is a policy, whatever it says, and else ends. It
// reads nothing, and is not counted among the gateway's connections.
func (e *Enforcer) NewReadiness(conn Connection) api.DownstreamFilter {
	return &readiness{conn: conn, enforcer: e}
}

type readiness struct {
	api.EmptyDownstreamFilter
	conn     Connection
	enforcer *Enforcer
}

func (r *readiness) OnNewConnection() api.FilterStatus { return api.NetworkFilterStopIteration }

func (r *readiness) OnData([]byte, bool) api.FilterStatus {
	if r.enforcer.Policy() == nil {
		r.conn.Close("no_policy", api.NoFlush)
		return api.NetworkFilterStopIteration
	}
	return api.NetworkFilterContinue
}
