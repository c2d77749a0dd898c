// Envoy's hooks. The rules are:
//  - After the decision (state forwarding or closed) no hook enters Go: bytes
//    cost one comparison in each direction.
//  - A hook continues only if conn_forward ran; whatever Go returns or forgets,
//    the other states stop.
#include "conn.h"

#include <stdlib.h>

#include "_cgo_export.h"
#include "clock.h"
#include "recall.h"

const char* envoy_dynamic_module_on_program_init(void) { return "v0.1.0"; }

const void* envoy_dynamic_module_on_network_filter_config_new(void* config_envoy, envoy_buffer name,
                                                              envoy_buffer config) {
  struct config* c = calloc(1, sizeof *c);
  if (c == NULL) return NULL;
  c->envoy = config_envoy;
  if (goConfigNew(c, name, config)) return c;
  free(c->expiry_key);
  free(c->counters);
  free(c->gauges);
  free(c);
  return NULL;
}

// Any thread: the last connection that holds the config may be the last owner.
void envoy_dynamic_module_on_network_filter_config_destroy(const void* config) {
  struct config* c = (struct config*)config;
  goConfigDestroy(c);
  recall_stop(c);
  free(c->expiry_key);
  free(c->counters);
  free(c->gauges);
  free(c);
}

const void* envoy_dynamic_module_on_network_filter_new(const void* config, void* filter_envoy) {
  struct conn* c = calloc(1, sizeof *c);
  if (c == NULL) return NULL;  // Envoy closes the connection in new_connection
  c->envoy = filter_envoy;
  c->config = (struct config*)config;
  c->need = 1;
  if (!c->config->outcome) pressure_enter();
  return c;
}

// admit counts a connection among those that wait; false: there was no room, and it
// is closed.
static bool admit(struct conn* c) {
  lines_arrived(c);
  envoy_buffer address = conn_remote_address(c);
  bool room = limits_enter_waiting(&c->waiting, address.ptr, address.length);
  // Those of arrivals.c too, which has no counters.
  conn_count_many(c, c->config->waiting_counter, limits_take_refused());
  conn_count_many(c, c->config->lines_counter, lines_take_uncounted());
  if (!room)
    conn_close(c, CLOSE_NO_FLUSH, WAITING_REASON, sizeof WAITING_REASON - 1);
  else if (!pressure_room())
    conn_close(c, CLOSE_NO_FLUSH, MEMORY_REASON, sizeof MEMORY_REASON - 1);
  return c->state == CONN_WAITING;
}

unsigned envoy_dynamic_module_on_network_filter_new_connection(void* filter_envoy, const void* filter) {
  struct conn* c = (struct conn*)filter;
  if (c->config->outcome) return outcome_new_connection(c);
  if (!c->config->exempt && !admit(c)) return STATUS_STOP_ITERATION;
  if (!envoy_dynamic_module_callback_network_filter_read_enabled(filter_envoy)) {
    c->reading_was_disabled = true;
    envoy_dynamic_module_callback_network_filter_read_disable(filter_envoy, false);
  }
  return STATUS_STOP_ITERATION;  // so nothing is dialled before the decision
}

unsigned envoy_dynamic_module_on_network_filter_read(void* filter_envoy, const void* filter, size_t length,
                                                     bool end_stream) {
  struct conn* c = (struct conn*)filter;
  (void)filter_envoy;
  if (c->state == CONN_FORWARDING) return STATUS_CONTINUE;
  if (c->state == CONN_CLOSED || c->config->outcome || (length < c->need && !end_stream)) return STATUS_STOP_ITERATION;
  if (!recall(c)) goRead(c, end_stream);
  return c->state == CONN_FORWARDING ? STATUS_CONTINUE : STATUS_STOP_ITERATION;
}

// Before the decision nothing but our own alert is written; it passes.
unsigned envoy_dynamic_module_on_network_filter_write(void* filter_envoy, const void* filter, size_t length,
                                                      bool end_stream) {
  (void)filter_envoy, (void)filter, (void)length, (void)end_stream;
  return STATUS_CONTINUE;
}

void envoy_dynamic_module_on_network_filter_event(void* filter_envoy, const void* filter, unsigned event) {
  struct conn* c = (struct conn*)filter;
  (void)filter_envoy;
  if (c->config->outcome) {
    if (event == EVENT_REMOTE_CLOSE || event == EVENT_LOCAL_CLOSE) conn_forget_waker(c);
    outcome_event(c, event);
    return;
  }
  if (c->state == CONN_FORWARDING && (event == EVENT_REMOTE_CLOSE || event == EVENT_LOCAL_CLOSE)) {
    c->state = CONN_CLOSED;
    deadline_stop(c);
    conn_untrack(c);
    limits_leave(&c->forwarded);
  }
  if (c->state != CONN_WAITING) return;
  switch (event) {
    case EVENT_CONNECTED:
    case EVENT_CONNECTED_ZERO_RTT:
      c->connected = true;
      c->waits_since_ns = now_ns();
      if (!deadline_start(c, c->config->deadline_ns, SCHEDULED_DEADLINE)) conn_close(c, CLOSE_NO_FLUSH, "no_deadline", 11);
      return;
    case EVENT_REMOTE_CLOSE:
      goEvent(c, event);
      break;
    case EVENT_LOCAL_CLOSE:
      break;
    default:  // unknown to this module
      conn_close(c, CLOSE_NO_FLUSH, "unknown_event", 13);
      return;
  }
  if (c->state == CONN_WAITING) conn_refused(c);
  conn_record_wait(c);
  c->state = CONN_CLOSED;
  deadline_stop(c);
  limits_leave(&c->waiting);
}

// The connection may have been decided or closed meanwhile: its state says so.
void envoy_dynamic_module_on_network_filter_scheduled(void* filter_envoy, const void* filter, uint64_t event_id) {
  struct conn* c = (struct conn*)filter;
  (void)filter_envoy;
  if (event_id == SCHEDULED_DEADLINE && c->state == CONN_WAITING) goDeadline(c);
  if (event_id == SCHEDULED_WAKE && c->state == CONN_WAITING) goWoken(c);
  if (event_id == SCHEDULED_REVOKE && c->state == CONN_FORWARDING) goRevoke(c);
  if (event_id == SCHEDULED_DURATION && c->state == CONN_FORWARDING) goDuration(c);
  if (event_id == SCHEDULED_SHED && c->state == CONN_FORWARDING) goShed(c);
}

void envoy_dynamic_module_on_network_filter_config_scheduled(const void* config, uint64_t event_id) {
  (void)event_id;
  goConfigScheduled((struct config*)config);
}

// Any thread: the sweeper may hold the last reference. No callback is allowed.
void envoy_dynamic_module_on_network_filter_destroy(const void* filter) {
  struct conn* c = (struct conn*)filter;
  deadline_stop(c);
  conn_untrack(c);
  conn_forget_waker(c);
  limits_leave(&c->waiting);
  limits_leave(&c->forwarded);
  if (!c->config->outcome) pressure_leave();
  if (c->handle != 0) goRelease(c->handle);
  free(c);
}
