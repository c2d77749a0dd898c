// Package outcome says why a connection that was allowed failed, in fixed words:
// in the access log, in counters and, where the hello was not answered yet, to
// the client. It is pure Go; what it needs of Envoy is the interface Connection.
package outcome

// Word is a reason, what it means and what to do about it.
type Word struct {
	Reason string
	Cause  string
	Remedy string
}

// The reasons of this package.
const (
	DNSNoSuchName  = "dns_no_such_name"
	DNSEmpty       = "dns_empty"
	DNSFailed      = "dns_failed"
	DNSTimeout     = "dns_timeout"
	DNSFull        = "dns_full"
	AddressDenied  = "address_denied"
	ConnectRefused = "connect_refused"
	ConnectTimeout = "connect_timeout"
	ConnectFailed  = "connect_failed"
	Reset          = "reset_by_upstream"
	Overflow       = "connections_full"
	Panic          = "panic"
)

// Words are the reasons of this package. The index of one is that of its counter.
var Words = []Word{
	{DNSNoSuchName, "DNS says that there is no such name", "the spelling; the zone; a resolver that sees it"},
	{DNSEmpty, "the name has no address of the families asked for", "`--dns-family`"},
	{DNSFailed, "the DNS server answers with an error, or gave no usable answer in time and does now", "the DNS server's log"},
	{DNSTimeout, "the DNS server does not answer", "the way to it: NetworkPolicy, conntrack, its load"},
	{DNSFull, "no room for one more name in the DNS cache, or for one more look-up that waits",
		"`dns_cache.wildcard_egress.host_overflow` or `dns_rq_pending_overflow` says which; who asks for so many names"},
	{AddressDenied, "the address guard drops every address of the name", "`--guard-allow`, if the gateway may reach it"},
	{ConnectRefused, "the site refuses the connection, at its last address", "the port; the site"},
	{ConnectTimeout, "no answer to SYN within `--connect-timeout`, at any address", "firewall, route, NAT; the site"},
	{ConnectFailed, "no way to the site; `upstream_transport_failure_reason` has the error", "routes; `--dns-family`"},
	{Reset, "the site cut the stream with RST", "the site, or a middlebox that forgot the stream: `--keepalive`"},
	{Overflow, "as many connections to sites as the gateway may have", "`--max-connections`, more replicas"},
	{Panic, "a bug in the module: closed", "the gateway's log has the stack: report it"},
}

// EnvoyWords are reasons that Envoy itself gives. It counts them, as
// tcp.dynamic_forward_proxy.<statistic>.
var EnvoyWords = []Word{
	{"tcp_session_idle_timeout", "no byte went either way for `--idle-timeout`", "`--idle-timeout`; statistic `idle_timeout`"},
	{"max_connection_duration_reached", "the connection is older than `--max-duration`",
		"`--max-duration`; statistic `max_downstream_connection_duration`"},
}

// Counters are the names of the counters, in the order of Words.
func Counters() []string {
	names := make([]string, len(Words))
	for i, w := range Words {
		names[i] = "failed." + w.Reason
	}
	return names
}

// PanicCounter is the index of the counter of connections closed by a panic.
func PanicCounter() int { return index(Panic) }

func index(reason string) int {
	for i, w := range Words {
		if w.Reason == reason {
			return i
		}
	}
	return index(Panic) // unreachable: reasons are the constants above
}
