// The outcome filter: it stands where the name's look-up has ended, before
// tcp_proxy, and says why a connection that was allowed failed. The rules are:
//  - A connection that goes well never enters Go, and costs six callbacks.
//  - It lets through what has an address, and nothing else.
//  - What it says is of the connection's end: Envoy's flags stand before the
//    close event.
#define _GNU_SOURCE  // memmem
#include <string.h>

#include "_cgo_export.h"
#include "conn.h"

#define TEXT(literal) ((module_buffer){literal, sizeof literal - 1})

// With save_upstream_address, sni_dynamic_forward_proxy replaces this state by the
// address that it found. Envoy's object for an address has no text to read, so
// ours is put there before, and is gone if there is one.
#define ADDRESS_KEY TEXT("envoy.stream.upstream_address")

static bool has_address(struct conn* c) {
  envoy_buffer none = {NULL, 0};
  return !envoy_dynamic_module_callback_network_get_filter_state_bytes(c->envoy, ADDRESS_KEY, &none);
}

unsigned outcome_new_connection(struct conn* c) {
  c->looked_up = true;
  if (has_address(c)) {
    c->state = CONN_FORWARDING;
    return STATUS_CONTINUE;
  }
  goUnresolved(c);
  return STATUS_STOP_ITERATION;
}

// The bits of StreamInfo::CoreResponseFlag.
enum { FLAG_UPSTREAM_REMOTE_RESET = 1 << 4, FLAG_UPSTREAM_CONNECTION_FAILURE = 1 << 5, FLAG_UPSTREAM_OVERFLOW = 1 << 7 };

// The metrics by rule measure what reached a site, and Envoy's access log has no
// cheaper way to know it (bootstrap.endMetrics).
static void mark_reached(struct conn* c) {
  envoy_buffer address = {NULL, 0};
  if (envoy_dynamic_module_callback_network_filter_get_attribute_string(c->envoy, ATTRIBUTE_UPSTREAM_ADDRESS, &address))
    envoy_dynamic_module_callback_network_set_dynamic_metadata_number(c->envoy, TEXT("wildcard_egress"),
                                                                      TEXT("site_reached"), 1);
}

static unsigned connect_failure(struct conn* c) {
  envoy_buffer why = {NULL, 0};
  static const char refused[] = "refused";
  if (!envoy_dynamic_module_callback_network_filter_get_attribute_string(
          c->envoy, ATTRIBUTE_UPSTREAM_TRANSPORT_FAILURE_REASON, &why) ||
      why.length == 0)
    return OUTCOME_CONNECT_TIMEOUT;  // Envoy has no text for its own timeout
  return memmem(why.ptr, why.length, refused, sizeof refused - 1) != NULL ? OUTCOME_CONNECT_REFUSED
                                                                          : OUTCOME_CONNECT_FAILED;
}

static unsigned outcome_of_flags(struct conn* c) {
  uint64_t flags = 0;
  if (!envoy_dynamic_module_callback_network_filter_get_attribute_int(c->envoy, ATTRIBUTE_RESPONSE_FLAGS, &flags))
    return OUTCOME_NONE;
  if (flags & FLAG_UPSTREAM_CONNECTION_FAILURE) return connect_failure(c);
  if (flags & FLAG_UPSTREAM_REMOTE_RESET) return OUTCOME_RESET;
  return flags & FLAG_UPSTREAM_OVERFLOW ? OUTCOME_OVERFLOW : OUTCOME_NONE;
}

// Where sni_dynamic_forward_proxy did not come to an end, it has closed the
// connection for want of room, unless the filter before it did, or the client.
static unsigned outcome_of_look_up(struct conn* c, unsigned event) {
  envoy_buffer decision = {NULL, 0};
  bool allowed = envoy_dynamic_module_callback_network_get_filter_state_bytes(
                     c->envoy, TEXT("wildcard_egress.decision"), &decision) &&
                 decision.length == 5 && memcmp(decision.ptr, "allow", 5) == 0;
  return allowed && event == EVENT_LOCAL_CLOSE ? OUTCOME_NO_ROOM : OUTCOME_NONE;
}

void outcome_event(struct conn* c, unsigned event) {
  if (event == EVENT_CONNECTED)
    envoy_dynamic_module_callback_network_set_filter_state_bytes(c->envoy, ADDRESS_KEY, TEXT("none"));
  if (event != EVENT_REMOTE_CLOSE && event != EVENT_LOCAL_CLOSE) return;
  unsigned char before = c->state;
  c->state = CONN_CLOSED;
  unsigned outcome = OUTCOME_NONE;
  if (!c->looked_up) {
    outcome = outcome_of_look_up(c, event);
  } else if (before == CONN_FORWARDING) {
    outcome = outcome_of_flags(c);
    if (outcome == OUTCOME_NONE || outcome == OUTCOME_RESET) mark_reached(c);
  }
  if (outcome != OUTCOME_NONE) goFailed(c, outcome);
}
