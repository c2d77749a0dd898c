// Compiled beside Envoy's header: a prototype or an enum of ours that differs
// is an error.
#include "abi/abi.h"

#define ABI_TYPES_GIVEN
#include "../../../envoy/abi.h"

#define SAME(ours, theirs) _Static_assert((int)(ours) == (int)(theirs), #ours " is not " #theirs)

SAME(STATUS_CONTINUE, envoy_dynamic_module_type_on_network_filter_data_status_Continue);
SAME(STATUS_STOP_ITERATION, envoy_dynamic_module_type_on_network_filter_data_status_StopIteration);
SAME(EVENT_REMOTE_CLOSE, envoy_dynamic_module_type_network_connection_event_RemoteClose);
SAME(EVENT_LOCAL_CLOSE, envoy_dynamic_module_type_network_connection_event_LocalClose);
SAME(EVENT_CONNECTED, envoy_dynamic_module_type_network_connection_event_Connected);
SAME(EVENT_CONNECTED_ZERO_RTT, envoy_dynamic_module_type_network_connection_event_ConnectedZeroRtt);
SAME(CLOSE_FLUSH_WRITE, envoy_dynamic_module_type_network_connection_close_type_FlushWrite);
SAME(CLOSE_NO_FLUSH, envoy_dynamic_module_type_network_connection_close_type_NoFlush);
SAME(CLOSE_ABORT_RESET, envoy_dynamic_module_type_network_connection_close_type_AbortReset);
SAME(LOG_DEBUG, envoy_dynamic_module_type_log_level_Debug);
SAME(LOG_INFO, envoy_dynamic_module_type_log_level_Info);
SAME(LOG_WARN, envoy_dynamic_module_type_log_level_Warn);
SAME(LOG_ERROR, envoy_dynamic_module_type_log_level_Error);
SAME(LOG_CRITICAL, envoy_dynamic_module_type_log_level_Critical);
SAME(ATTRIBUTE_RESPONSE_FLAGS, envoy_dynamic_module_type_attribute_id_ResponseFlags);
SAME(ATTRIBUTE_UPSTREAM_ADDRESS, envoy_dynamic_module_type_attribute_id_UpstreamAddress);
SAME(ATTRIBUTE_UPSTREAM_TRANSPORT_FAILURE_REASON, envoy_dynamic_module_type_attribute_id_UpstreamTransportFailureReason);
SAME(METRICS_SUCCESS, envoy_dynamic_module_type_metrics_result_Success);
