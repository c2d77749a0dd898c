// The callbacks of Envoy that package envoy uses.
#include <stdio.h>
#include <string.h>

#include "host.h"
#include "references.h"

static struct host_conn* conn_of(void* filter) { return filter; }
static struct host_config* config_of(void* config) { return config; }

static _Atomic int log_lines;
int host_log_lines(void) { return log_lines; }
void envoy_dynamic_module_callback_log(unsigned level, module_buffer message) {
  (void)level, (void)message;
  log_lines++;
}

static _Atomic unsigned log_level = LOG_INFO;
void host_set_log_level(unsigned level) { log_level = level; }
bool envoy_dynamic_module_callback_log_enabled(unsigned level) { return level >= log_level; }

size_t envoy_dynamic_module_callback_network_filter_get_read_buffer_chunks_size(void* filter) {
  return conn_of(filter)->chunk_count;
}

bool envoy_dynamic_module_callback_network_filter_get_read_buffer_chunks(void* filter, envoy_buffer* chunks) {
  struct host_conn* c = conn_of(filter);
  for (size_t i = 0; i < c->chunk_count; i++) {
    envoy_buffer chunk = {c->chunks[i].data, c->chunks[i].length};
    chunks[i] = chunk;
  }
  return true;
}

void envoy_dynamic_module_callback_network_filter_write(void* filter, module_buffer data, bool end_stream) {
  struct host_conn* c = conn_of(filter);
  c->written += data.length;
  envoy_dynamic_module_on_network_filter_write(c, c->module, data.length, end_stream);
}

// As Envoy: the event comes before this returns, and none for what is closed.
void envoy_dynamic_module_callback_network_filter_close_with_details(void* filter, unsigned close_type,
                                                                     module_buffer details) {
  struct host_conn* c = conn_of(filter);
  snprintf(c->details, sizeof c->details, "%.*s", (int)details.length, details.ptr);
  c->close_type = close_type;
  if (c->closed) return;
  c->closed = true;
  envoy_dynamic_module_on_network_filter_event(c, c->module, EVENT_LOCAL_CLOSE);
}

bool envoy_dynamic_module_callback_network_filter_get_requested_server_name(void* filter, envoy_buffer* name) {
  (void)filter, (void)name;
  return false;
}

bool envoy_dynamic_module_callback_network_filter_get_remote_address(void* filter, envoy_buffer* address,
                                                                     uint32_t* port) {
  (void)filter;
  envoy_buffer remote = {"192.0.2.1", 9};
  *address = remote;
  *port = 40000;
  return true;
}

bool envoy_dynamic_module_callback_network_filter_get_local_address(void* filter, envoy_buffer* address,
                                                                    uint32_t* port) {
  *address = (envoy_buffer){"192.0.2.1", 9};
  *port = conn_of(filter)->port;
  return true;
}

bool envoy_dynamic_module_callback_network_filter_get_direct_remote_address(void* filter, envoy_buffer* address,
                                                                            uint32_t* port) {
  *address = conn_of(filter)->elsewhere ? (envoy_buffer){"10.0.0.1", 8} : (envoy_buffer){"127.0.0.1", 9};
  *port = 40000;
  return true;
}

bool envoy_dynamic_module_callback_network_get_dynamic_metadata_string(void* filter, module_buffer name_space,
                                                                       module_buffer key, envoy_buffer* value) {
  (void)name_space, (void)key;
  const char* identity = conn_of(filter)->identity;
  if (identity != NULL) *value = (envoy_buffer){identity, strlen(identity)};
  return identity != NULL;
}

// Three numbers are all that the module sets.
static double* number_of(struct host_numbers* n, module_buffer key) {
  if (key.length == strlen("site_reached")) return &n->site_reached;
  return key.length == strlen("line_left_out") ? &n->line_left_out : &n->lines_left_out;
}

bool envoy_dynamic_module_callback_network_get_dynamic_metadata_number(void* filter, module_buffer name_space,
                                                                       module_buffer key, double* value) {
  (void)name_space;
  *value = *number_of(&conn_of(filter)->numbers, key);
  return true;
}

void envoy_dynamic_module_callback_network_set_dynamic_metadata_number(void* filter, module_buffer name_space,
                                                                       module_buffer key, double value) {
  (void)name_space;
  *number_of(&conn_of(filter)->numbers, key) = value;
}

size_t envoy_dynamic_module_callback_network_filter_get_ssl_uri_sans_size(void* filter) {
  (void)filter;
  return 1;
}

bool envoy_dynamic_module_callback_network_filter_get_ssl_uri_sans(void* filter, envoy_buffer* sans) {
  (void)filter;
  envoy_buffer san = {"spiffe://td/ns/x/sa/y", 21};
  sans[0] = san;
  return true;
}

bool envoy_dynamic_module_callback_network_set_filter_state_typed(void* filter, module_buffer key,
                                                                  module_buffer value) {
  struct host_conn* c = conn_of(filter);
  size_t used = strlen(c->state);
  snprintf(c->state + used, sizeof c->state - used, "%.*s=%.*s,", (int)key.length, key.ptr, (int)value.length,
           value.ptr);
  return true;
}

bool envoy_dynamic_module_callback_network_set_filter_state_bytes(void* filter, module_buffer key,
                                                                  module_buffer value) {
  return envoy_dynamic_module_callback_network_set_filter_state_typed(filter, key, value);
}

// The newest value of a key, as if it were the last.
bool envoy_dynamic_module_callback_network_get_filter_state_bytes(void* filter, module_buffer key, envoy_buffer* value) {
  struct host_conn* c = conn_of(filter);
  for (char* at = c->state; *at != 0; at = strchr(at, ',') + 1) {
    if (strncmp(at, key.ptr, key.length) != 0 || at[key.length] != '=') continue;
    value->ptr = at + key.length + 1;
    value->length = (size_t)(strchr(at, ',') - value->ptr);
    return true;
  }
  return false;
}

bool envoy_dynamic_module_callback_network_filter_get_attribute_int(void* filter, unsigned attribute,
                                                                    uint64_t* value) {
  if (attribute != ATTRIBUTE_RESPONSE_FLAGS) return false;
  *value = conn_of(filter)->flags;
  return true;
}

bool envoy_dynamic_module_callback_network_filter_get_attribute_string(void* filter, unsigned attribute,
                                                                       envoy_buffer* value) {
  if (attribute != ATTRIBUTE_UPSTREAM_TRANSPORT_FAILURE_REASON || conn_of(filter)->failure[0] == 0) return false;
  value->ptr = conn_of(filter)->failure;
  value->length = strlen(conn_of(filter)->failure);
  return true;
}

bool envoy_dynamic_module_callback_network_filter_read_enabled(void* filter) {
  return conn_of(filter)->read_disabled == 0;
}

unsigned envoy_dynamic_module_callback_network_filter_read_disable(void* filter, bool disable) {
  conn_of(filter)->read_disabled += disable ? 1 : -1;
  return 0;
}

uint32_t envoy_dynamic_module_callback_network_filter_get_worker_index(void* filter) {
  (void)filter;
  return 0;
}

unsigned envoy_dynamic_module_callback_network_filter_config_define_counter(void* config, module_buffer name,
                                                                            size_t* id) {
  (void)name;
  *id = config_of(config)->counters++;
  return METRICS_SUCCESS;
}

unsigned envoy_dynamic_module_callback_network_filter_config_define_gauge(void* config, module_buffer name,
                                                                          size_t* id) {
  (void)name;
  *id = config_of(config)->gauges++;
  return METRICS_SUCCESS;
}

unsigned envoy_dynamic_module_callback_network_filter_config_define_histogram(void* config, module_buffer name,
                                                                              size_t* id) {
  (void)config, (void)name;
  *id = 0;
  return METRICS_SUCCESS;
}

unsigned envoy_dynamic_module_callback_network_filter_record_histogram_value(void* filter, size_t id, uint64_t value) {
  (void)id, (void)value;
  conn_of(filter)->config->recorded++;
  return METRICS_SUCCESS;
}

unsigned envoy_dynamic_module_callback_network_filter_increment_counter(void* filter, size_t id, uint64_t value) {
  conn_of(filter)->config->counts[id] += value;
  return METRICS_SUCCESS;
}

unsigned envoy_dynamic_module_callback_network_filter_config_increment_counter(void* config, size_t id,
                                                                               uint64_t value) {
  config_of(config)->counts[id] += value;
  return METRICS_SUCCESS;
}

unsigned envoy_dynamic_module_callback_network_filter_config_set_gauge(void* config, size_t id, uint64_t value) {
  config_of(config)->gauge_values[id] = value;
  return METRICS_SUCCESS;
}

bool envoy_dynamic_module_callback_listener_filter_get_remote_address(void* filter, envoy_buffer* address,
                                                                      uint32_t* port) {
  return envoy_dynamic_module_callback_network_filter_get_remote_address(filter, address, port);
}

void envoy_dynamic_module_callback_listener_filter_close_socket(void* filter, module_buffer details) {
  (void)details;
  ((struct host_arrival*)filter)->closed = true;
}

void envoy_dynamic_module_callback_listener_filter_set_dynamic_metadata_number(void* filter, module_buffer name_space,
                                                                               module_buffer key, double value) {
  (void)name_space;
  *number_of(&((struct host_arrival*)filter)->numbers, key) = value;
}
