// One waiting list for the process, in the order of expiry, and one thread that
// sleeps until its head expires. Envoy has no timer for a network filter that
// waits for its first bytes (envoy.md, trap 5), and a Go timer per connection
// would enter Go twice more. The rules are:
//  - The mutex guards the list and, since destroy takes it too, keeps Envoy's
//    object alive while a scheduler is made for it.
//  - commit runs without the mutex: it may drop the last reference to the
//    filter, and so call destroy on this thread.
#include "conn.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_empty;  // made by start_sweeper, on the monotonic clock
static struct conn *head, *tail;
static bool sweeper_runs;
static uint64_t sweeper_wakes_ns = UINT64_MAX;  // when the sweeper looks again by itself

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void unlink_locked(struct conn* c) {
  *(c->previous ? &c->previous->next : &head) = c->next;
  *(c->next ? &c->next->previous : &tail) = c->previous;
  c->previous = c->next = NULL;
  c->waiting = false;
}

// All deadlines of one policy are equal, so the place is nearly always the end.
static void insert_locked(struct conn* c) {
  struct conn* before = tail;
  while (before != NULL && before->expires_ns > c->expires_ns) before = before->previous;
  c->previous = before;
  c->next = before ? before->next : head;
  *(c->previous ? &c->previous->next : &head) = c;
  *(c->next ? &c->next->previous : &tail) = c;
  c->waiting = true;
}

static void expire_locked(struct conn* c) {
  unlink_locked(c);
  void* scheduler = envoy_dynamic_module_callback_network_filter_scheduler_new(c->envoy);
  pthread_mutex_unlock(&mutex);
  envoy_dynamic_module_callback_network_filter_scheduler_commit(scheduler, SCHEDULED_DEADLINE);
  envoy_dynamic_module_callback_network_filter_scheduler_delete(scheduler);
  pthread_mutex_lock(&mutex);
}

static void* sweep(void* unused) {
  (void)unused;
  pthread_mutex_lock(&mutex);
  for (;;) {
    if (head == NULL) {
      sweeper_wakes_ns = UINT64_MAX;
      pthread_cond_wait(&not_empty, &mutex);
    } else if (head->expires_ns > now_ns()) {
      sweeper_wakes_ns = head->expires_ns;
      struct timespec until = {(time_t)(sweeper_wakes_ns / 1000000000u), (long)(sweeper_wakes_ns % 1000000000u)};
      pthread_cond_timedwait(&not_empty, &mutex, &until);
    } else {
      expire_locked(head);
    }
  }
  return NULL;
}

// The thread blocks all signals: they are Envoy's.
static bool start_sweeper_locked(void) {
  pthread_condattr_t clock;
  pthread_t thread;
  sigset_t all, before;
  pthread_condattr_init(&clock);
  pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
  pthread_cond_init(&not_empty, &clock);
  pthread_condattr_destroy(&clock);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool started = pthread_create(&thread, NULL, sweep, NULL) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (started) pthread_detach(thread);
  return started;
}

bool deadline_start(struct conn* c) {
  uint64_t limit = c->config->deadline_ns;
  if (limit == 0 || c->waiting) return true;
  c->expires_ns = now_ns() + limit;
  pthread_mutex_lock(&mutex);
  if (!sweeper_runs) sweeper_runs = start_sweeper_locked();
  bool watched = sweeper_runs;
  if (watched) {
    insert_locked(c);
    // Nearly always the sweeper sleeps until an older deadline: waking it for
    // each connection would cost more than all the rest of this file.
    if (c->expires_ns < sweeper_wakes_ns) pthread_cond_signal(&not_empty);
  }
  pthread_mutex_unlock(&mutex);
  return watched;
}

void deadline_stop(struct conn* c) {
  pthread_mutex_lock(&mutex);
  if (c->waiting) unlink_locked(c);
  pthread_mutex_unlock(&mutex);
}
