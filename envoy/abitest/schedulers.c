// Schedulers hold a weak reference. commit holds a strong one for a moment, so
// it may be the thread on which the filter or the configuration ends.
#include <sched.h>
#include <stdatomic.h>

#include "host.h"
#include "references.h"

static _Atomic int late_commits;

int host_late_commits(void) { return atomic_exchange(&late_commits, 0); }

void* envoy_dynamic_module_callback_network_filter_scheduler_new(void* filter) {
  struct host_conn* c = filter;
  c->references.weak++;
  return c;
}

void envoy_dynamic_module_callback_network_filter_scheduler_commit(void* scheduler, uint64_t event_id) {
  struct host_conn* c = scheduler;
  if (!strong_take(&c->references)) return;
  sched_yield();  // Envoy wakes the worker here, which may end before this thread runs again
  if (c->worker_gone) late_commits++;
  if (event_id < EVENT_IDS) c->posted[event_id]++;
  conn_drop(c);
}

void envoy_dynamic_module_callback_network_filter_scheduler_delete(void* scheduler) {
  struct host_conn* c = scheduler;
  weak_drop(&c->references, c);
}

void* envoy_dynamic_module_callback_network_filter_config_scheduler_new(void* config) {
  struct host_config* c = config;
  c->references.weak++;
  return c;
}

void envoy_dynamic_module_callback_network_filter_config_scheduler_commit(void* scheduler, uint64_t event_id) {
  struct host_config* c = scheduler;
  (void)event_id;
  if (!strong_take(&c->references)) return;
  c->posted++;
  config_drop(c);
}

void envoy_dynamic_module_callback_network_filter_config_scheduler_delete(void* scheduler) {
  struct host_config* c = scheduler;
  weak_drop(&c->references, c);
}
