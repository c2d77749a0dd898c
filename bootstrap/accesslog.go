package bootstrap

import (
	"strings"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filelogv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/file/v3"
	"google.golang.org/protobuf/types/known/structpb"

	"wildcard-egress/filter"
)

// logFields is an access log line: JSON keys, and Envoy's command operators
// for their values. Envoy sorts the keys, escapes what came from the wire, and
// writes null for what is not known.
type logFields map[string]string

// commonFields say what every proxy knows of a connection, under the names of
// Envoy's operators, as Istio has them. duration is in milliseconds; the bytes
// are those relayed, by the count of tcp_proxy (BYTES_RECEIVED has a hello once
// for each read that it took to arrive).
var commonFields = logFields{
	"time":                                "%START_TIME%",
	"downstream_remote_address":           "%DOWNSTREAM_REMOTE_ADDRESS%",
	"downstream_transport_failure_reason": "%DOWNSTREAM_TRANSPORT_FAILURE_REASON%",
	"upstream_host":                       "%UPSTREAM_HOST%",
	"upstream_transport_failure_reason":   "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
	"response_flags":                      "%RESPONSE_FLAGS%",
	"connection_termination_details":      "%CONNECTION_TERMINATION_DETAILS%",
	"bytes_received":                      "%DOWNSTREAM_WIRE_BYTES_RECEIVED%",
	"bytes_sent":                          "%DOWNSTREAM_WIRE_BYTES_SENT%",
	"duration":                            "%DURATION%",
}

// decisionFields are what the filter of this project says of a connection, and
// what the outer mTLS says. requested_server_name is the outer one.
var decisionFields = logFields{
	"principal":               said(filter.PrincipalKey),
	"server_name":             said(filter.ServerNameKey),
	"decision":                said(filter.DecisionKey),
	"rule":                    said(filter.RuleKey),
	"reason":                  said(filter.ReasonKey),
	"detail":                  said(filter.DetailKey),
	"shadow_rule":             said(filter.ShadowRuleKey),
	"shadow_decision":         said(filter.ShadowDecisionKey),
	"downstream_peer_uri_san": "%DOWNSTREAM_PEER_URI_SAN%",
	"requested_server_name":   "%REQUESTED_SERVER_NAME%",
}

// sniFields are what a proxy knows that chooses by the server name alone.
// filter_chain_name is null where none matched, and response_code_details says so.
var sniFields = logFields{
	"server_name":           "%REQUESTED_SERVER_NAME%",
	"filter_chain_name":     "%FILTER_CHAIN_NAME%",
	"response_code_details": "%RESPONSE_CODE_DETAILS%",
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

// said is what the filter of this project says under a key.
func said(key string) string { return "%FILTER_STATE(" + key + ":PLAIN)%" }

// GatewayAccessLog returns the gateway's access log: a JSON line for each
// connection. path is a file; empty is standard output.
func GatewayAccessLog(path string) *accesslogv3.AccessLog { return accessLog(path, decisionFields) }

func accessLog(path string, fields logFields) *accesslogv3.AccessLog {
	format := &structpb.Struct{Fields: map[string]*structpb.Value{}}
	for _, f := range []logFields{commonFields, fields} {
		for key, operator := range f {
			format.Fields[key] = structpb.NewStringValue(operator)
		}
	}
	return fileLog(path, &corev3.SubstitutionFormatString{
		Format: &corev3.SubstitutionFormatString_JsonFormat{JsonFormat: format},
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
