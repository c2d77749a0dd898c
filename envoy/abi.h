// The part of Envoy's dynamic-module ABI that this host uses, in our own
// words. Source: source/extensions/dynamic_modules/abi/abi.h of Envoy, which
// `make check` compiles beside this file: a drift is a build error.
//
// The rules here are:
//  - Callbacks are weak: one that this Envoy lacks is null, so config_new can
//    refuse the configuration by its name instead of crashing on the first call.
//  - Enums are unsigned int, as gcc and clang represent them.
#ifndef WILDCARD_EGRESS_ENVOY_ABI_H
#define WILDCARD_EGRESS_ENVOY_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// enum envoy_dynamic_module_type_on_network_filter_data_status. Envoy reads
// every unknown value as CONTINUE.
enum { STATUS_CONTINUE = 0, STATUS_STOP_ITERATION = 1 };

// enum envoy_dynamic_module_type_network_connection_event
enum { EVENT_REMOTE_CLOSE = 0, EVENT_LOCAL_CLOSE = 1, EVENT_CONNECTED = 2, EVENT_CONNECTED_ZERO_RTT = 3 };

// enum envoy_dynamic_module_type_network_connection_close_type
enum { CLOSE_FLUSH_WRITE = 0, CLOSE_NO_FLUSH = 1, CLOSE_ABORT_RESET = 4 };

// enum envoy_dynamic_module_type_log_level
enum { LOG_DEBUG = 1, LOG_INFO = 2, LOG_WARN = 3, LOG_ERROR = 4, LOG_CRITICAL = 5 };

// enum envoy_dynamic_module_type_metrics_result
enum { METRICS_SUCCESS = 0 };

// enum envoy_dynamic_module_type_attribute_id
enum { ATTRIBUTE_RESPONSE_FLAGS = 17, ATTRIBUTE_UPSTREAM_ADDRESS = 41, ATTRIBUTE_UPSTREAM_TRANSPORT_FAILURE_REASON = 52 };

#ifndef ABI_TYPES_GIVEN  // the drift check takes these from Envoy's header
#define ABI_BUFFER envoy_dynamic_module_type_envoy_buffer
#define ABI_MODULE_BUFFER envoy_dynamic_module_type_module_buffer
#include "abi_types.h"
#undef ABI_BUFFER
#undef ABI_MODULE_BUFFER
#endif

typedef envoy_dynamic_module_type_envoy_buffer envoy_buffer;
typedef envoy_dynamic_module_type_module_buffer module_buffer;

// Hooks: Envoy calls these. hooks.c defines them.
const char* envoy_dynamic_module_on_program_init(void);
const void* envoy_dynamic_module_on_network_filter_config_new(void* config_envoy, envoy_buffer name, envoy_buffer config);
void envoy_dynamic_module_on_network_filter_config_destroy(const void* config);
const void* envoy_dynamic_module_on_network_filter_new(const void* config, void* filter_envoy);
unsigned envoy_dynamic_module_on_network_filter_new_connection(void* filter_envoy, const void* filter);
unsigned envoy_dynamic_module_on_network_filter_read(void* filter_envoy, const void* filter, size_t length, bool end_stream);
unsigned envoy_dynamic_module_on_network_filter_write(void* filter_envoy, const void* filter, size_t length, bool end_stream);
void envoy_dynamic_module_on_network_filter_event(void* filter_envoy, const void* filter, unsigned event);
void envoy_dynamic_module_on_network_filter_scheduled(void* filter_envoy, const void* filter, uint64_t event_id);
void envoy_dynamic_module_on_network_filter_destroy(const void* filter);
void envoy_dynamic_module_on_network_filter_config_scheduled(const void* config, uint64_t event_id);

// Hooks of the listener filter: arrivals.c defines them.
const void* envoy_dynamic_module_on_listener_filter_config_new(void* config_envoy, envoy_buffer name, envoy_buffer config);
void envoy_dynamic_module_on_listener_filter_config_destroy(const void* config);
const void* envoy_dynamic_module_on_listener_filter_new(const void* config, void* filter_envoy);
unsigned envoy_dynamic_module_on_listener_filter_on_accept(void* filter_envoy, const void* filter);
unsigned envoy_dynamic_module_on_listener_filter_on_data(void* filter_envoy, const void* filter, size_t length);
void envoy_dynamic_module_on_listener_filter_on_close(void* filter_envoy, const void* filter);
size_t envoy_dynamic_module_on_listener_filter_get_max_read_bytes(void* filter_envoy, const void* filter);
void envoy_dynamic_module_on_listener_filter_destroy(const void* filter);
void envoy_dynamic_module_on_listener_filter_scheduled(void* filter_envoy, const void* filter, uint64_t event_id);
void envoy_dynamic_module_on_listener_filter_config_scheduled(void* config_envoy, const void* config, uint64_t event_id);

// Callbacks: Envoy defines these.
#define CALLBACK __attribute__((weak))
CALLBACK void envoy_dynamic_module_callback_log(unsigned level, module_buffer message);
CALLBACK bool envoy_dynamic_module_callback_log_enabled(unsigned level);
CALLBACK size_t envoy_dynamic_module_callback_network_filter_get_read_buffer_chunks_size(void* filter_envoy);
CALLBACK bool envoy_dynamic_module_callback_network_filter_get_read_buffer_chunks(void* filter_envoy, envoy_buffer* chunks);
CALLBACK void envoy_dynamic_module_callback_network_filter_write(void* filter_envoy, module_buffer data, bool end_stream);
CALLBACK void envoy_dynamic_module_callback_network_filter_close_with_details(void* filter_envoy, unsigned close_type, module_buffer details);
CALLBACK bool envoy_dynamic_module_callback_network_filter_get_requested_server_name(void* filter_envoy, envoy_buffer* name);
CALLBACK bool envoy_dynamic_module_callback_network_filter_get_remote_address(void* filter_envoy, envoy_buffer* address, uint32_t* port);
CALLBACK bool envoy_dynamic_module_callback_network_filter_get_local_address(void* filter_envoy, envoy_buffer* address, uint32_t* port);
CALLBACK bool envoy_dynamic_module_callback_network_filter_get_direct_remote_address(void* filter_envoy, envoy_buffer* address, uint32_t* port);
CALLBACK bool envoy_dynamic_module_callback_network_get_dynamic_metadata_string(void* filter_envoy, module_buffer name_space, module_buffer key, envoy_buffer* value);
CALLBACK bool envoy_dynamic_module_callback_network_get_dynamic_metadata_number(void* filter_envoy, module_buffer name_space, module_buffer key, double* value);
CALLBACK void envoy_dynamic_module_callback_network_set_dynamic_metadata_number(void* filter_envoy, module_buffer name_space, module_buffer key, double value);
CALLBACK size_t envoy_dynamic_module_callback_network_filter_get_ssl_uri_sans_size(void* filter_envoy);
CALLBACK bool envoy_dynamic_module_callback_network_filter_get_ssl_uri_sans(void* filter_envoy, envoy_buffer* sans);
CALLBACK bool envoy_dynamic_module_callback_network_set_filter_state_typed(void* filter_envoy, module_buffer key, module_buffer value);
CALLBACK bool envoy_dynamic_module_callback_network_set_filter_state_bytes(void* filter_envoy, module_buffer key, module_buffer value);
CALLBACK bool envoy_dynamic_module_callback_network_get_filter_state_bytes(void* filter_envoy, module_buffer key, envoy_buffer* value);
CALLBACK bool envoy_dynamic_module_callback_network_filter_read_enabled(void* filter_envoy);
CALLBACK unsigned envoy_dynamic_module_callback_network_filter_read_disable(void* filter_envoy, bool disable);
CALLBACK unsigned envoy_dynamic_module_callback_network_filter_config_define_counter(void* config_envoy, module_buffer name, size_t* id);
CALLBACK unsigned envoy_dynamic_module_callback_network_filter_increment_counter(void* filter_envoy, size_t id, uint64_t value);
CALLBACK void* envoy_dynamic_module_callback_network_filter_scheduler_new(void* filter_envoy);
CALLBACK void envoy_dynamic_module_callback_network_filter_scheduler_commit(void* scheduler, uint64_t event_id);
CALLBACK void envoy_dynamic_module_callback_network_filter_scheduler_delete(void* scheduler);
CALLBACK uint32_t envoy_dynamic_module_callback_network_filter_get_worker_index(void* filter_envoy);
CALLBACK unsigned envoy_dynamic_module_callback_network_filter_config_define_gauge(void* config_envoy, module_buffer name, size_t* id);
CALLBACK unsigned envoy_dynamic_module_callback_network_filter_config_define_histogram(void* config_envoy, module_buffer name, size_t* id);
CALLBACK unsigned envoy_dynamic_module_callback_network_filter_record_histogram_value(void* filter_envoy, size_t id, uint64_t value);
CALLBACK void* envoy_dynamic_module_callback_network_filter_config_scheduler_new(void* config_envoy);
CALLBACK void envoy_dynamic_module_callback_network_filter_config_scheduler_commit(void* scheduler, uint64_t event_id);
CALLBACK void envoy_dynamic_module_callback_network_filter_config_scheduler_delete(void* scheduler);
CALLBACK bool envoy_dynamic_module_callback_listener_filter_get_remote_address(void* filter_envoy, envoy_buffer* address, uint32_t* port);
CALLBACK void envoy_dynamic_module_callback_listener_filter_close_socket(void* filter_envoy, module_buffer details);
CALLBACK void envoy_dynamic_module_callback_listener_filter_set_dynamic_metadata_number(void* filter_envoy, module_buffer name_space, module_buffer key, double value);
// New in Envoy 1.39 (abi_impl.cc of the network filter).
CALLBACK unsigned envoy_dynamic_module_callback_network_filter_config_set_gauge(void* config_envoy, size_t id, uint64_t value);
CALLBACK bool envoy_dynamic_module_callback_network_filter_get_attribute_int(void* filter_envoy, unsigned attribute, uint64_t* value);
CALLBACK bool envoy_dynamic_module_callback_network_filter_get_attribute_string(void* filter_envoy, unsigned attribute, envoy_buffer* value);
CALLBACK unsigned envoy_dynamic_module_callback_network_filter_config_increment_counter(void* config_envoy, size_t id, uint64_t value);

#endif
