// The hooks as Envoy calls them, and lifetimes; callbacks.c has the other way.
#include "host.h"

#include <stdlib.h>
#include <string.h>

#include "../conn.h"
#include "references.h"

static _Atomic int live_filters, live_configs;

int host_live_filters(void) { return live_filters; }
int host_live_configs(void) { return live_configs; }

struct host_config* host_config_new(const char* config, size_t length) {
  struct host_config* c = calloc(1, sizeof *c);
  references_init(&c->references);
  envoy_buffer name = {"abitest", 7}, text = {config, length};
  c->module = envoy_dynamic_module_on_network_filter_config_new(c, name, text);
  if (c->module == NULL) {
    c->references.strong = 0;
    weak_drop(&c->references, c);
    return NULL;
  }
  live_configs++;
  return c;
}

void config_drop(struct host_config* c) {
  if (!strong_drop(&c->references)) return;
  envoy_dynamic_module_on_network_filter_config_destroy(c->module);
  live_configs--;
  weak_drop(&c->references, c);
}

void host_config_end(struct host_config* c) { config_drop(c); }

void host_config_run_posted(struct host_config* c) {
  for (int n = atomic_exchange(&c->posted, 0); n > 0; n--)
    envoy_dynamic_module_on_network_filter_config_scheduled(c->module, 0);
}

void host_config_lose_handle(struct host_config* c) { ((struct config*)c->module)->handle = 0; }

void host_conn_proxied(struct host_conn* c, const char* identity, uint32_t port) {
  c->identity = identity;
  c->port = port;
}

// A handle that Go never gave out.
void host_conn_lose_handle(struct host_conn* c) { ((struct conn*)c->module)->handle = UINTPTR_MAX; }

uint64_t host_config_count(struct host_config* c, size_t counter) { return c->counts[counter]; }

uint64_t host_config_recorded(struct host_config* c) { return c->recorded; }

static struct host_conn* filter_new(struct host_config* config) {
  struct host_conn* c = calloc(1, sizeof *c);
  references_init(&c->references);
  config->references.strong++;
  c->config = config;
  c->read_disabled = 1;
  live_filters++;
  c->module = envoy_dynamic_module_on_network_filter_new(config->module, c);
  return c;
}

struct host_conn* host_conn_new(struct host_config* config) {
  struct host_conn* c = filter_new(config);
  envoy_dynamic_module_on_network_filter_new_connection(c, c->module);
  return c;
}

// As Envoy for a filter that others stand before.
struct host_conn* host_conn_new_behind(struct host_config* config) {
  struct host_conn* c = filter_new(config);
  envoy_dynamic_module_on_network_filter_event(c, c->module, EVENT_CONNECTED);
  envoy_dynamic_module_on_network_filter_new_connection(c, c->module);
  return c;
}

void host_arrivals(int listeners) {
  envoy_buffer none = {NULL, 0};
  if (listeners > 0)
    envoy_dynamic_module_on_listener_filter_config_new(NULL, none, none);
  else
    envoy_dynamic_module_on_listener_filter_config_destroy(NULL);
}

struct host_arrival* host_arrive(void) {
  struct host_arrival* a = calloc(1, sizeof *a);
  a->module = envoy_dynamic_module_on_listener_filter_new(NULL, a);
  envoy_dynamic_module_on_listener_filter_on_accept(a, a->module);
  return a;
}

void host_arrival_end(struct host_arrival* a) {
  envoy_dynamic_module_on_listener_filter_destroy(a->module);
  free(a);
}

// The dynamic metadata stays with the connection.
struct host_conn* host_conn_of(struct host_config* config, struct host_arrival* a) {
  struct host_numbers numbers = a->numbers;
  host_arrival_end(a);
  struct host_conn* c = filter_new(config);
  c->numbers = numbers;
  envoy_dynamic_module_on_network_filter_new_connection(c, c->module);
  return c;
}

static void drain(struct host_conn* c) {
  for (size_t i = 0; i < c->chunk_count; i++) free(c->chunks[i].data);
  memset(c->chunks, 0, sizeof c->chunks);
  c->chunk_count = 0;
}

void conn_drop(struct host_conn* c) {
  if (!strong_drop(&c->references)) return;
  envoy_dynamic_module_on_network_filter_destroy(c->module);
  live_filters--;
  free((void*)c->identity);
  drain(c);
  config_drop(c->config);
  weak_drop(&c->references, c);
}

void host_conn_end(struct host_conn* c) { conn_drop(c); }

// Each chunk is memory of its own, so that a byte too far is an error. Behind
// CHUNKS the last one grows, and moves: borrowed bytes are not there any more.
void host_conn_append(struct host_conn* c, const char* data, size_t length) {
  size_t last = c->chunk_count < CHUNKS ? c->chunk_count++ : CHUNKS - 1;
  size_t old = c->chunks[last].length;
  char* grown = malloc(old + length);
  if (old > 0) memcpy(grown, c->chunks[last].data, old);
  if (length > 0) memcpy(grown + old, data, length);
  free(c->chunks[last].data);
  c->chunks[last].data = grown;
  c->chunks[last].length = old + length;
}

unsigned host_conn_read(struct host_conn* c, bool end_stream) {
  size_t length = 0;
  for (size_t i = 0; i < c->chunk_count; i++) length += c->chunks[i].length;
  unsigned status = envoy_dynamic_module_on_network_filter_read(c, c->module, length, end_stream);
  if (status != STATUS_STOP_ITERATION) drain(c);  // a later filter takes it
  return status;
}

void host_conn_event(struct host_conn* c, unsigned event) {
  if (event == EVENT_REMOTE_CLOSE || event == EVENT_LOCAL_CLOSE) c->closed = true;
  envoy_dynamic_module_on_network_filter_event(c, c->module, event);
  if (event == EVENT_REMOTE_CLOSE || event == EVENT_LOCAL_CLOSE) c->worker_gone = true;
}

void host_conn_scheduled(struct host_conn* c, uint64_t event_id) {
  envoy_dynamic_module_on_network_filter_scheduled(c, c->module, event_id);
}

void host_conn_run_posted(struct host_conn* c) {
  for (uint64_t id = 0; id < EVENT_IDS; id++)
    for (int n = atomic_exchange(&c->posted[id], 0); n > 0; n--) host_conn_scheduled(c, id);
}

int host_conn_posted(struct host_conn* c, size_t event_id) { return c->posted[event_id]; }
