package bootstrap

import (
	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filelogv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/file/v3"
	"google.golang.org/protobuf/types/known/structpb"
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
	"response_code_details":               "%RESPONSE_CODE_DETAILS%",
	"connection_termination_details":      "%CONNECTION_TERMINATION_DETAILS%",
	"bytes_received":                      "%DOWNSTREAM_WIRE_BYTES_RECEIVED%",
	"bytes_sent":                          "%DOWNSTREAM_WIRE_BYTES_SENT%",
	"duration":                            "%DURATION%",
}

// decisionFields are what the filter of this project says of a connection, and
// what the outer mTLS says. requested_server_name is the outer one.
var decisionFields = logFields{
	"principal":               metadata("principal"),
	"server_name":             metadata("server_name"),
	"decision":                metadata("decision"),
	"rule":                    metadata("rule"),
	"reason":                  metadata("reason"),
	"detail":                  metadata("detail"),
	"shadow_rule":             metadata("shadow_rule"),
	"shadow_decision":         metadata("shadow_decision"),
	"downstream_peer_uri_san": "%DOWNSTREAM_PEER_URI_SAN%",
	"requested_server_name":   "%REQUESTED_SERVER_NAME%",
}

// sniFields are what a proxy knows that chooses by the server name alone.
// filter_chain_name is null where none matched.
var sniFields = logFields{
	"server_name":       "%REQUESTED_SERVER_NAME%",
	"filter_chain_name": "%FILTER_CHAIN_NAME%",
}

func metadata(key string) string { return "%DYNAMIC_METADATA(" + ModuleName + ":" + key + ")%" }

// GatewayAccessLog returns the gateway's access log: a JSON line for each
// connection. path is a file; empty is standard output.
func GatewayAccessLog(path string) *accesslogv3.AccessLog { return accessLog(path, decisionFields) }

func accessLog(path string, fields logFields) *accesslogv3.AccessLog {
	if path == "" {
		path = "/dev/stdout"
	}
	format := &structpb.Struct{Fields: map[string]*structpb.Value{}}
	for _, f := range []logFields{commonFields, fields} {
		for key, operator := range f {
			format.Fields[key] = structpb.NewStringValue(operator)
		}
	}
	return &accesslogv3.AccessLog{
		Name: "envoy.access_loggers.file",
		ConfigType: &accesslogv3.AccessLog_TypedConfig{TypedConfig: pack(&filelogv3.FileAccessLog{
			Path: path,
			AccessLogFormat: &filelogv3.FileAccessLog_LogFormat{LogFormat: &corev3.SubstitutionFormatString{
				Format: &corev3.SubstitutionFormatString_JsonFormat{JsonFormat: format},
			}},
		})},
	}
}
