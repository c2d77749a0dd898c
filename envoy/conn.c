// The calls from Go into Envoy. Go passes pointers and lengths as direct
// arguments, which cgo pins for the call; the ABI's structs are made here.
#include "conn.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"

#define NEEDED(name) \
  { #name, (void*)name }

const char* host_lacks(void) {
  const struct {
    const char* name;
    void* address;
  } needed[] = {
      NEEDED(envoy_dynamic_module_callback_log),
      NEEDED(envoy_dynamic_module_callback_log_enabled),
      NEEDED(envoy_dynamic_module_callback_network_filter_get_read_buffer_chunks_size),
      NEEDED(envoy_dynamic_module_callback_network_filter_get_read_buffer_chunks),
      NEEDED(envoy_dynamic_module_callback_network_filter_write),
      NEEDED(envoy_dynamic_module_callback_network_filter_close_with_details),
      NEEDED(envoy_dynamic_module_callback_network_filter_get_requested_server_name),
      NEEDED(envoy_dynamic_module_callback_network_filter_get_remote_address),
      NEEDED(envoy_dynamic_module_callback_network_filter_get_local_address),
      NEEDED(envoy_dynamic_module_callback_network_filter_get_direct_remote_address),
      NEEDED(envoy_dynamic_module_callback_network_get_dynamic_metadata_string),
      NEEDED(envoy_dynamic_module_callback_network_get_dynamic_metadata_number),
      NEEDED(envoy_dynamic_module_callback_network_set_dynamic_metadata_number),
      NEEDED(envoy_dynamic_module_callback_network_filter_get_ssl_uri_sans_size),
      NEEDED(envoy_dynamic_module_callback_network_filter_get_ssl_uri_sans),
      NEEDED(envoy_dynamic_module_callback_network_set_filter_state_typed),
      NEEDED(envoy_dynamic_module_callback_network_set_filter_state_bytes),
      NEEDED(envoy_dynamic_module_callback_network_get_filter_state_bytes),
      NEEDED(envoy_dynamic_module_callback_network_filter_read_enabled),
      NEEDED(envoy_dynamic_module_callback_network_filter_read_disable),
      NEEDED(envoy_dynamic_module_callback_network_filter_config_define_counter),
      NEEDED(envoy_dynamic_module_callback_network_filter_increment_counter),
      NEEDED(envoy_dynamic_module_callback_network_filter_scheduler_new),
      NEEDED(envoy_dynamic_module_callback_network_filter_scheduler_commit),
      NEEDED(envoy_dynamic_module_callback_network_filter_scheduler_delete),
      NEEDED(envoy_dynamic_module_callback_network_filter_get_worker_index),
      NEEDED(envoy_dynamic_module_callback_network_filter_config_define_gauge),
      NEEDED(envoy_dynamic_module_callback_network_filter_config_define_histogram),
      NEEDED(envoy_dynamic_module_callback_network_filter_record_histogram_value),
      NEEDED(envoy_dynamic_module_callback_network_filter_config_scheduler_new),
      NEEDED(envoy_dynamic_module_callback_network_filter_config_scheduler_commit),
      NEEDED(envoy_dynamic_module_callback_network_filter_config_scheduler_delete),
      NEEDED(envoy_dynamic_module_callback_network_filter_config_set_gauge),
      NEEDED(envoy_dynamic_module_callback_network_filter_get_attribute_int),
      NEEDED(envoy_dynamic_module_callback_network_filter_get_attribute_string),
      NEEDED(envoy_dynamic_module_callback_network_filter_config_increment_counter),
  };
  for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
    if (needed[i].address == NULL) return needed[i].name;
  return NULL;
}

static module_buffer buffer(const char* ptr, size_t length) {
  module_buffer b = {ptr, length};
  return b;
}

void host_log(unsigned level, const char* message, size_t length) {
  if (envoy_dynamic_module_callback_log != NULL) envoy_dynamic_module_callback_log(level, buffer(message, length));
}

bool host_log_enabled(unsigned level) {
  return envoy_dynamic_module_callback_log_enabled != NULL && envoy_dynamic_module_callback_log_enabled(level);
}

bool config_define_counter(struct config* c, size_t index, const char* name, size_t length) {
  return envoy_dynamic_module_callback_network_filter_config_define_counter(
             c->envoy, buffer(name, length), &c->counters[index]) == METRICS_SUCCESS;
}

bool config_define_gauge(struct config* c, size_t index, const char* name, size_t length) {
  return envoy_dynamic_module_callback_network_filter_config_define_gauge(
             c->envoy, buffer(name, length), &c->gauges[index]) == METRICS_SUCCESS;
}

bool config_measure_waits(struct config* c, const char* name, size_t length) {
  c->measures_waits = envoy_dynamic_module_callback_network_filter_config_define_histogram(
                          c->envoy, buffer(name, length), &c->wait_histogram) == METRICS_SUCCESS;
  return c->measures_waits;
}

void config_count(struct config* c, size_t counter, uint64_t n) {
  if (counter < c->counter_count)
    envoy_dynamic_module_callback_network_filter_config_increment_counter(c->envoy, c->counters[counter], n);
}

void config_set_gauge(struct config* c, size_t gauge, uint64_t value) {
  if (gauge < c->gauge_count)
    envoy_dynamic_module_callback_network_filter_config_set_gauge(c->envoy, c->gauges[gauge], value);
}

void* config_scheduler_new(struct config* c) {
  return envoy_dynamic_module_callback_network_filter_config_scheduler_new(c->envoy);
}

static _Thread_local bool scheduling;

void config_schedule(void* scheduler) {
  scheduling = true;
  envoy_dynamic_module_callback_network_filter_config_scheduler_commit(scheduler, 0);
  scheduling = false;
}

bool config_scheduling(void) { return scheduling; }

void config_scheduler_delete(void* scheduler) {
  envoy_dynamic_module_callback_network_filter_config_scheduler_delete(scheduler);
}

size_t conn_chunk_count(struct conn* c) {
  return envoy_dynamic_module_callback_network_filter_get_read_buffer_chunks_size(c->envoy);
}

bool conn_chunks(struct conn* c, envoy_buffer* chunks) {
  return envoy_dynamic_module_callback_network_filter_get_read_buffer_chunks(c->envoy, chunks);
}

void conn_write(struct conn* c, const char* data, size_t length) {
  envoy_dynamic_module_callback_network_filter_write(c->envoy, buffer(data, length), false);
}

void conn_record_wait(struct conn* c) {
  if (c->state != CONN_WAITING || !c->config->measures_waits || c->waits_since_ns == 0) return;
  envoy_dynamic_module_callback_network_filter_record_histogram_value(c->envoy, c->config->wait_histogram,
                                                                      (now_ns() - c->waits_since_ns) / 1000000);
}

// The state is set first: Envoy raises LocalClose before this returns.
void conn_close(struct conn* c, unsigned close_type, const char* details, size_t length) {
  if (c->state == CONN_WAITING) conn_refused(c);
  conn_record_wait(c);
  c->state = CONN_CLOSED;
  deadline_stop(c);
  conn_untrack(c);
  limits_leave(&c->waiting);
  limits_leave(&c->forwarded);
  envoy_dynamic_module_callback_network_filter_close_with_details(c->envoy, close_type, buffer(details, length));
}

void conn_refused(struct conn* c) {
  if (c->config->outcome || c->config->exempt) return;  // it was let through, or has no line in any case
  lines_refused(c);
  conn_count_many(c, c->config->lines_counter, lines_take_uncounted());
}

bool conn_forward(struct conn* c) {
  conn_record_wait(c);
  deadline_stop(c);
  limits_leave(&c->waiting);
  if (!deadline_start_duration(c)) {
    conn_close(c, CLOSE_NO_FLUSH, "no_deadline", 11);
    return false;
  }
  if (c->reading_was_disabled) envoy_dynamic_module_callback_network_filter_read_disable(c->envoy, true);
  c->state = CONN_FORWARDING;
  return true;
}

void conn_panicked(struct conn* c) {
  static const char details[] = "panic";
  bool open = c->state != CONN_CLOSED;
  conn_count(c, c->config->panic_counter);
  if (open) conn_close(c, CLOSE_NO_FLUSH, details, sizeof details - 1);
}

void conn_count(struct conn* c, size_t counter) { conn_count_many(c, counter, 1); }

void conn_count_many(struct conn* c, size_t counter, uint64_t n) {
  if (counter < c->config->counter_count && n > 0)
    envoy_dynamic_module_callback_network_filter_increment_counter(c->envoy, c->config->counters[counter], n);
}

envoy_buffer conn_requested_server_name(struct conn* c) {
  envoy_buffer name = {NULL, 0};
  envoy_dynamic_module_callback_network_filter_get_requested_server_name(c->envoy, &name);
  return name;
}

envoy_buffer conn_remote_address(struct conn* c) {
  envoy_buffer address = {NULL, 0};
  uint32_t port;
  envoy_dynamic_module_callback_network_filter_get_remote_address(c->envoy, &address, &port);
  return address;
}

bool conn_over_loopback(struct conn* c) {
  envoy_buffer address = {NULL, 0};
  uint32_t port;
  if (!envoy_dynamic_module_callback_network_filter_get_direct_remote_address(c->envoy, &address, &port)) return false;
  return (address.length > 4 && memcmp(address.ptr, "127.", 4) == 0) ||
         (address.length == 3 && memcmp(address.ptr, "::1", 3) == 0);
}

uint16_t conn_destination_port(struct conn* c) {
  envoy_buffer address;
  uint32_t port = 0;
  if (!envoy_dynamic_module_callback_network_filter_get_local_address(c->envoy, &address, &port)) return 0;
  return (uint16_t)port;
}

bool conn_proxy_identity(struct conn* c, envoy_buffer* identity) {
  static const char name_space[] = "envoy.filters.listener.proxy_protocol", key[] = "peer_principal";
  return envoy_dynamic_module_callback_network_get_dynamic_metadata_string(
      c->envoy, buffer(name_space, sizeof name_space - 1), buffer(key, sizeof key - 1), identity);
}

size_t conn_uri_san_count(struct conn* c) {
  return envoy_dynamic_module_callback_network_filter_get_ssl_uri_sans_size(c->envoy);
}

bool conn_uri_sans(struct conn* c, envoy_buffer* sans) {
  return envoy_dynamic_module_callback_network_filter_get_ssl_uri_sans(c->envoy, sans);
}

bool conn_set_filter_state(struct conn* c, const char* key, size_t key_length, const char* value, size_t length) {
  return envoy_dynamic_module_callback_network_set_filter_state_typed(c->envoy, buffer(key, key_length),
                                                                      buffer(value, length));
}

envoy_buffer conn_text(struct conn* c, const char* key, size_t key_length) {
  envoy_buffer text = {NULL, 0};
  envoy_dynamic_module_callback_network_get_filter_state_bytes(c->envoy, buffer(key, key_length), &text);
  return text;
}

void conn_set_text(struct conn* c, const char* key, size_t key_length, const char* value, size_t length) {
  envoy_dynamic_module_callback_network_set_filter_state_bytes(c->envoy, buffer(key, key_length),
                                                               buffer(value, length));
}

bool conn_expired(struct conn* c) {
  const struct config* config = c->config;
  envoy_buffer value = {NULL, 0};
  if (config->expiry_key == NULL || !envoy_dynamic_module_callback_network_get_filter_state_bytes(
                                        c->envoy, buffer(config->expiry_key, strlen(config->expiry_key)), &value))
    return false;
  time_t until = 0;
  if (value.length == 0 || value.length > 12) return true;
  for (size_t i = 0; i < value.length; i++) {
    if (value.ptr[i] < '0' || value.ptr[i] > '9') return true;
    until = until * 10 + (value.ptr[i] - '0');
  }
  return until < time(NULL);
}

void config_set_limits(struct config* c, uint64_t deadline_ns, size_t max_hello_bytes, uint64_t recall_ns) {
  c->deadline_ns = deadline_ns;
  c->max_hello_bytes = max_hello_bytes;
  c->recall_ns = recall_ns;
}

void config_new_generation(struct config* c) { c->generation++; }
