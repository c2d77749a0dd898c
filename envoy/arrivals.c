// The listener filter: it stands before all others, where Envoy has accepted a
// connection and nobody knows yet whose it is, and limits how many there are of
// one source address and in all, and how many lines of the access log they make.
// The network filter goes on counting when the listener's filters have done. The
// rules are:
//  - Nothing is read, and nothing enters Go.
//  - A connection that is one too many is closed at once.
#include <stdlib.h>

#include "conn.h"

#define TEXT(literal) ((module_buffer){literal, sizeof literal - 1})

struct arrival {
  struct counted waiting;
};

// What is configured is the process's. Envoy wants an address.
static const char configured;

// How many connections may wait, in decimals; 0: as the network filter says. A
// number that is none refuses the listener.
static bool configure(envoy_buffer config) {
  uint32_t total = 0;
  if (config.length > 7) return false;
  for (size_t i = 0; i < config.length; i++) {
    if (config.ptr[i] < '0' || config.ptr[i] > '9') return false;
    total = 10 * total + (uint32_t)(config.ptr[i] - '0');
  }
  if (total > 0) limits_set_waiting(total / 4 > 0 ? total / 4 : 1, total);
  return true;
}

const void* envoy_dynamic_module_on_listener_filter_config_new(void* config_envoy, envoy_buffer name,
                                                               envoy_buffer config) {
  (void)config_envoy, (void)name;
  bool able = envoy_dynamic_module_callback_listener_filter_get_remote_address != NULL &&
              envoy_dynamic_module_callback_listener_filter_close_socket != NULL &&
              envoy_dynamic_module_callback_listener_filter_set_dynamic_metadata_number != NULL;
  if (!able || !configure(config)) return NULL;
  lines_listeners(1);
  return &configured;
}

void envoy_dynamic_module_on_listener_filter_config_destroy(const void* config) {
  (void)config;
  lines_listeners(-1);
}

const void* envoy_dynamic_module_on_listener_filter_new(const void* config, void* filter_envoy) {
  (void)config, (void)filter_envoy;
  struct arrival* a = calloc(1, sizeof *a);
  if (a != NULL) pressure_enter();
  return a;  // null: Envoy closes the connection
}

unsigned envoy_dynamic_module_on_listener_filter_on_accept(void* filter_envoy, const void* filter) {
  struct arrival* a = (struct arrival*)filter;
  envoy_buffer address = {NULL, 0};
  uint32_t port;
  envoy_dynamic_module_callback_listener_filter_get_remote_address(filter_envoy, &address, &port);
  lines_accepted(filter_envoy);
  bool room = limits_enter_waiting(&a->waiting, address.ptr, address.length);
  if (room && pressure_room()) return STATUS_CONTINUE;
  envoy_dynamic_module_callback_listener_filter_close_socket(filter_envoy, room ? TEXT(MEMORY_REASON) : TEXT(WAITING_REASON));
  return STATUS_STOP_ITERATION;
}

unsigned envoy_dynamic_module_on_listener_filter_on_data(void* filter_envoy, const void* filter, size_t length) {
  (void)filter_envoy, (void)filter, (void)length;
  return STATUS_CONTINUE;
}

void envoy_dynamic_module_on_listener_filter_on_close(void* filter_envoy, const void* filter) {
  (void)filter_envoy, (void)filter;
}

size_t envoy_dynamic_module_on_listener_filter_get_max_read_bytes(void* filter_envoy, const void* filter) {
  (void)filter_envoy, (void)filter;
  return 0;
}

// Envoy asks for these two; nothing is ever scheduled.
void envoy_dynamic_module_on_listener_filter_scheduled(void* filter_envoy, const void* filter, uint64_t event_id) {
  (void)filter_envoy, (void)filter, (void)event_id;
}

void envoy_dynamic_module_on_listener_filter_config_scheduled(void* config_envoy, const void* config,
                                                              uint64_t event_id) {
  (void)config_envoy, (void)config, (void)event_id;
}

void envoy_dynamic_module_on_listener_filter_destroy(const void* filter) {
  struct arrival* a = (struct arrival*)filter;
  limits_leave(&a->waiting);
  pressure_leave();
  free(a);
}
