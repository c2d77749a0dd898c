package bootstrap

import (
	"strings"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	dataaccesslogv3 "github.com/envoyproxy/go-control-plane/envoy/data/accesslog/v3"
	filelogv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/file/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"wildcard-egress/accesslog"
)

// logFields is an access log line: JSON keys, and Envoy's command operators
// for their values.
type logFields map[string]string

// sidecarFields say what every proxy knows of a connection, under the names of
// Envoy's operators, as Istio has them, and what it knows that chooses by the
// server name alone. filter_chain_name is null where none matched, and
// response_code_details says so.
var sidecarFields = logFields{
	"time":                              "%START_TIME%",
	"downstream_remote_address":         "%DOWNSTREAM_REMOTE_ADDRESS%",
	"upstream_host":                     "%UPSTREAM_HOST%",
	"upstream_transport_failure_reason": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
	"response_flags":                    "%RESPONSE_FLAGS%",
	"connection_termination_details":    "%CONNECTION_TERMINATION_DETAILS%",
	"bytes_received":                    "%DOWNSTREAM_WIRE_BYTES_RECEIVED%",
	"bytes_sent":                        "%DOWNSTREAM_WIRE_BYTES_SENT%",
	"duration":                          "%DURATION%",
	"server_name":                       "%REQUESTED_SERVER_NAME%",
	"filter_chain_name":                 "%FILTER_CHAIN_NAME%",
	"response_code_details":             "%RESPONSE_CODE_DETAILS%",
}

// meshFields are those of the line that Istio's proxies write where the mesh
// has access logging on and no format of its own (istio.io, "Envoy Access
// Logs"). Of a TCP connection most are "-".
var meshFields = []string{
	"[%START_TIME%]",
	`"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%"`, "%RESPONSE_CODE%", "%RESPONSE_FLAGS%",
	"%RESPONSE_CODE_DETAILS%", "%CONNECTION_TERMINATION_DETAILS%", `"%UPSTREAM_TRANSPORT_FAILURE_REASON%"`,
	"%BYTES_RECEIVED%", "%BYTES_SENT%", "%DURATION%", "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
	`"%REQ(X-FORWARDED-FOR)%"`, `"%REQ(USER-AGENT)%"`, `"%REQ(X-REQUEST-ID)%"`, `"%REQ(:AUTHORITY)%"`,
	`"%UPSTREAM_HOST%"`, "%UPSTREAM_CLUSTER%", "%UPSTREAM_LOCAL_ADDRESS%", "%DOWNSTREAM_LOCAL_ADDRESS%",
	"%DOWNSTREAM_REMOTE_ADDRESS%", "%REQUESTED_SERVER_NAME%", "%ROUTE_NAME%",
}

// gatewayLogs returns the access loggers of the gateway's listener, for the end
// of each connection, those that fail in the handshake included, and those of
// tcp_proxy, for the other events: the log's lines, and the metrics by rule.
func (c Config) gatewayLogs() (listener, proxy []*accesslogv3.AccessLog) {
	n := c.network()
	end := accesslog.Event("")
	if n.LogOpen || n.LogInterval > 0 {
		end = accesslog.End
	}
	listener = c.lines(end, writtenLines())
	if n.RuleMetrics {
		listener, proxy = append(listener, c.endMetrics()...), append(proxy, c.liveMetrics())
	}
	if n.LogOpen {
		proxy = append(proxy, c.lines(accesslog.Open, at(dataaccesslogv3.AccessLogType_TcpUpstreamConnected))...)
	}
	if n.LogInterval > 0 {
		proxy = append(proxy, c.lines(accesslog.Interval, at(dataaccesslogv3.AccessLogType_TcpPeriodic))...)
	}
	return listener, proxy
}

// writtenLines leaves out what the module has marked: refusals above the policy's
// logged_refusals_per_second.
func writtenLines() *accesslogv3.AccessLogFilter {
	return marked(accesslog.LeftOutMark, 0)
}

// marked lets pass what the module has marked so; nothing from it is 0.
func marked(mark string, value float64) *accesslogv3.AccessLogFilter {
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_MetadataFilter{
		MetadataFilter: &accesslogv3.MetadataFilter{
			Matcher: &matcherv3.MetadataMatcher{
				Filter: accesslog.MarkNamespace,
				Path:   []*matcherv3.MetadataMatcher_PathSegment{{Segment: &matcherv3.MetadataMatcher_PathSegment_Key{Key: mark}}},
				Value: &matcherv3.ValueMatcher{MatchPattern: &matcherv3.ValueMatcher_DoubleMatch{
					DoubleMatch: &matcherv3.DoubleMatcher{MatchPattern: &matcherv3.DoubleMatcher_Exact{Exact: value}}}},
			},
			MatchIfKeyNotFound: wrapperspb.Bool(value == 0),
		},
	}}
}

// logFields are those that can be filled.
func (c Config) logFields(event accesslog.Event) logFields {
	fields := accesslog.Format(event)
	if c.behindZtunnel {
		for _, name := range accesslog.OfOuterTLS {
			delete(fields, name)
		}
	}
	return fields
}

// lines returns the loggers of one line: to the file, and to the collector.
func (c Config) lines(event accesslog.Event, filter *accesslogv3.AccessLogFilter) []*accesslogv3.AccessLog {
	fields := c.logFields(event)
	logs := []*accesslogv3.AccessLog{jsonLog(c.AccessLog, fields)}
	if c.network().OTLP != "" {
		logs = append(logs, otlpLog(fields))
	}
	for _, log := range logs {
		log.Filter = filter
	}
	return logs
}

// at lets pass the event that Envoy calls kind.
func at(kind dataaccesslogv3.AccessLogType) *accesslogv3.AccessLogFilter {
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_LogTypeFilter{
		LogTypeFilter: &accesslogv3.LogTypeFilter{Types: []dataaccesslogv3.AccessLogType{kind}},
	}}
}

// jsonLog leaves out what is empty where Envoy can: in JSON since 1.40.
func jsonLog(path string, fields logFields) *accesslogv3.AccessLog {
	format := &structpb.Struct{Fields: map[string]*structpb.Value{}}
	for key, operator := range fields {
		format.Fields[key] = structpb.NewStringValue(operator)
	}
	return fileLog(path, &corev3.SubstitutionFormatString{
		Format:          &corev3.SubstitutionFormatString_JsonFormat{JsonFormat: format},
		OmitEmptyValues: true,
	})
}

func meshAccessLog(path string) *accesslogv3.AccessLog {
	return fileLog(path, &corev3.SubstitutionFormatString{
		Format: &corev3.SubstitutionFormatString_TextFormatSource{TextFormatSource: &corev3.DataSource{
			Specifier: &corev3.DataSource_InlineString{InlineString: strings.Join(meshFields, " ") + "\n"},
		}},
	})
}

func fileLog(path string, format *corev3.SubstitutionFormatString) *accesslogv3.AccessLog {
	if path == "" {
		path = "/dev/stdout"
	}
	return &accesslogv3.AccessLog{
		Name: "envoy.access_loggers.file",
		ConfigType: &accesslogv3.AccessLog_TypedConfig{TypedConfig: pack(&filelogv3.FileAccessLog{
			Path:            path,
			AccessLogFormat: &filelogv3.FileAccessLog_LogFormat{LogFormat: format},
		})},
	}
}
