// The waiting lists of the process, and one thread that sleeps until the first
// head of any of them expires. Connections wait for their decision, then for the
// end of the longest time that they may last. Envoy has no timer for a network
// filter that waits for its first bytes (envoy.md, trap 5), and a Go timer per
// connection would enter Go twice more. The rules are:
//  - The connections of one list have the same time to wait. So each list is in
//    the order of expiry, and to enter one costs the same however many wait,
//    under whatever mixture of policies.
//  - schedule_mutex (conn.h) guards the lists.
#include "conn.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"

struct waiting_list {
  uint64_t limit_ns;  // the same for all in it
  struct conn *head, *tail;
  struct waiting_list* next;
};

static pthread_cond_t not_empty;  // made by start_sweeper, on the monotonic clock
static struct waiting_list* lists;  // as many as different times were ever waited at once
static bool sweeper_runs;
static uint64_t sweeper_wakes_ns = UINT64_MAX;  // when the sweeper looks again by itself

static void unlink_locked(struct conn* c) {
  struct waiting_list* l = c->list;
  *(c->previous ? &c->previous->next : &l->head) = c->next;
  *(c->next ? &c->next->previous : &l->tail) = c->previous;
  c->previous = c->next = NULL;
  c->list = NULL;
}

// list_locked is the one for this time: an empty one serves any. Null: no memory.
static struct waiting_list* list_locked(uint64_t limit_ns) {
  struct waiting_list* empty = NULL;
  for (struct waiting_list* l = lists; l != NULL; l = l->next) {
    if (l->limit_ns == limit_ns) return l;
    if (l->head == NULL) empty = l;
  }
  if (empty == NULL) {
    empty = calloc(1, sizeof *empty);
    if (empty == NULL) return NULL;
    empty->next = lists;
    lists = empty;
  }
  empty->limit_ns = limit_ns;
  return empty;
}

static struct conn* first_locked(void) {
  struct conn* first = NULL;
  for (struct waiting_list* l = lists; l != NULL; l = l->next)
    if (l->head != NULL && (first == NULL || l->head->expires_ns < first->expires_ns)) first = l->head;
  return first;
}

static void append_locked(struct waiting_list* l, struct conn* c) {
  c->list = l;
  c->previous = l->tail;
  *(l->tail ? &l->tail->next : &l->head) = c;
  l->tail = c;
}

static void expire_locked(struct conn* c) {
  uint64_t event = c->expiry;
  unlink_locked(c);
  conn_schedule_locked(c, event);
}

static void* sweep(void* unused) {
  (void)unused;
  pthread_mutex_lock(&schedule_mutex);
  for (;;) {
    struct conn* first = first_locked();
    if (first == NULL) {
      sweeper_wakes_ns = UINT64_MAX;
      pthread_cond_wait(&not_empty, &schedule_mutex);
    } else if (first->expires_ns > now_ns()) {
      sweeper_wakes_ns = first->expires_ns;
      struct timespec until = {(time_t)(sweeper_wakes_ns / 1000000000u), (long)(sweeper_wakes_ns % 1000000000u)};
      pthread_cond_timedwait(&not_empty, &schedule_mutex, &until);
    } else {
      expire_locked(first);
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

// The connections that were let through stand in lists too, so that there is one
// of all: those without a longest time in that of FOREVER, which never comes.
static const uint64_t FOREVER = (uint64_t)1 << 62;

bool deadline_start_duration(struct conn* c) {
  return deadline_start(c, c->duration_ns == 0 ? FOREVER : c->duration_ns, SCHEDULED_DURATION);
}

// most_locked is how many connections that caller has who has most of those that
// were let through.
static uint32_t most_locked(void) {
  uint32_t most = 0;
  for (struct waiting_list* l = lists; l != NULL; l = l->next)
    for (struct conn* c = l->head; c != NULL; c = c->next) {
      uint32_t n = c->expiry == SCHEDULED_DURATION ? limits_connections(&c->forwarded) : 0;
      if (n > most) most = n;
    }
  return most;
}

// shed_locked has up to so many of theirs ended, the newest first.
static size_t shed_locked(size_t room, uint32_t least) {
  size_t taken = 0;
  for (struct waiting_list* l = lists; l != NULL; l = l->next)
    for (struct conn *c = l->tail, *previous; c != NULL && taken < room; c = previous) {
      previous = c->previous;
      if (c->expiry != SCHEDULED_DURATION || limits_connections(&c->forwarded) < least) continue;
      unlink_locked(c);
      conn_schedule_locked(c, SCHEDULED_SHED);
      taken++;
    }
  return taken;
}

size_t deadlines_shed(size_t n) {
  pthread_mutex_lock(&schedule_mutex);
  uint32_t most = most_locked();
  size_t taken = shed_locked(n < SHED_AT_ONCE ? n : SHED_AT_ONCE, most - most / 4);
  pthread_mutex_unlock(&schedule_mutex);
  return taken;
}

bool deadline_start(struct conn* c, uint64_t limit, uint64_t event) {
  if (limit == 0) return true;
  pthread_mutex_lock(&schedule_mutex);
  if (!sweeper_runs) sweeper_runs = start_sweeper_locked();
  struct waiting_list* list = c->list;
  if (list == NULL && sweeper_runs && (list = list_locked(limit)) != NULL) {
    c->expires_ns = now_ns() + limit;  // under the mutex, so that the list is in order
    c->expiry = event;
    append_locked(list, c);
    // Nearly always the sweeper sleeps until an older deadline: waking it for
    // each connection would cost more than all the rest of this file.
    if (c->expires_ns < sweeper_wakes_ns) pthread_cond_signal(&not_empty);
  }
  pthread_mutex_unlock(&schedule_mutex);
  return list != NULL;
}

void deadline_stop(struct conn* c) {
  pthread_mutex_lock(&schedule_mutex);
  if (c->list != NULL) unlink_locked(c);
  pthread_mutex_unlock(&schedule_mutex);
}
