// What another thread has a connection's worker do. The rules stand at
// schedule_mutex in conn.h.
#define _GNU_SOURCE  // PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP
#include <stdlib.h>

#include "conn.h"

pthread_mutex_t schedule_mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

void conn_schedule_locked(struct conn* c, uint64_t event) {
  void* scheduler = envoy_dynamic_module_callback_network_filter_scheduler_new(c->envoy);
  envoy_dynamic_module_callback_network_filter_scheduler_commit(scheduler, event);  // c may be gone now
  envoy_dynamic_module_callback_network_filter_scheduler_delete(scheduler);
}

struct waker {
  void* scheduler;
  struct conn* conn;  // null: it has ended
};

struct waker* conn_waker(struct conn* c) {
  struct waker* w = malloc(sizeof *w);
  if (w == NULL) return NULL;
  *w = (struct waker){envoy_dynamic_module_callback_network_filter_scheduler_new(c->envoy), c};
  pthread_mutex_lock(&schedule_mutex);
  c->waker = w;
  pthread_mutex_unlock(&schedule_mutex);
  return w;
}

void conn_wake(struct waker* w) {
  if (w == NULL) return;
  pthread_mutex_lock(&schedule_mutex);
  if (w->conn != NULL) {
    w->conn->waker = NULL;
    envoy_dynamic_module_callback_network_filter_scheduler_commit(w->scheduler, SCHEDULED_WAKE);
  }
  pthread_mutex_unlock(&schedule_mutex);
  envoy_dynamic_module_callback_network_filter_scheduler_delete(w->scheduler);
  free(w);
}

void conn_forget_waker(struct conn* c) {
  pthread_mutex_lock(&schedule_mutex);
  if (c->waker != NULL) c->waker->conn = NULL;
  c->waker = NULL;
  pthread_mutex_unlock(&schedule_mutex);
}
