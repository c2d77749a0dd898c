package logs

import (
	"net/netip"
	"strings"

	"wildcard-egress/accesslog"
	"wildcard-egress/filter"
)

// PortOf is the port that a connection was for: of one that was allowed that of
// its upstream, of a refused one that which the mesh tells; 0: the line does not
// say.
func PortOf(e *accesslog.Entry) uint16 {
	if port := filter.RequestedPort(e.RequestedServerName); port != 0 {
		return port
	}
	upstream, err := netip.ParseAddrPort(e.UpstreamRemoteAddress)
	if err != nil {
		return 0
	}
	return upstream.Port()
}

func hasDot(name string) bool { return strings.Contains(name, ".") }
