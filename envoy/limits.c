// The parties that have connections, for the whole process: so that the figures
// are exact whatever worker a connection is on, and go on counting when a
// configuration is replaced. The rules are:
//  - The mutex guards all of it. A connection takes it twice in its life, for
//    some 100 ns each.
//  - A party that has no connection, and may have as many new ones as at first,
//    is no different from one that was never seen: it is freed.
//  - A key is a hash: names from the wire, 2 KB long, take no memory here.
//  - There are MAX_PARTIES at most. All that come beyond share the allowance of
//    one, COMMON: nobody can make room for himself by coming under many names.
#include "limits.h"

#include <pthread.h>
#include <stdlib.h>

#include "clock.h"
#include "conn.h"

enum { HEADS = 1 << 16, MAX_PARTIES = 1 << 17 };

struct party {
  uint64_t key[2];
  struct party* next;
  // When it may have as many new connections as at first (the "theoretical
  // arrival time" of the generic cell rate algorithm, ITU-T I.371).
  uint64_t rested_ns;
  uint32_t connections;
};

static const uint64_t COMMON[2] = {0, 0};
static const uint64_t SECOND = 1000000000u;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct party* heads[HEADS];
static size_t count;
static size_t entered;  // connections
static size_t hand;     // the chain that is looked through next for parties to free

static struct party** head_of(const uint64_t key[2]) { return &heads[key[0] % HEADS]; }

static bool idle(const struct party* p, uint64_t now) { return p->connections == 0 && p->rested_ns <= now; }

static void free_idle_locked(struct party** at, uint64_t now) {
  while (*at != NULL) {
    struct party* p = *at;
    if (idle(p, now)) {
      *at = p->next;
      free(p);
      count--;
    } else {
      at = &p->next;
    }
  }
}

static struct party* find_locked(const uint64_t key[2]) {
  struct party* p = *head_of(key);
  while (p != NULL && (p->key[0] != key[0] || p->key[1] != key[1])) p = p->next;
  return p;
}

static struct party* add_locked(const uint64_t key[2]) {
  struct party* p = calloc(1, sizeof *p);
  if (p == NULL) return NULL;
  p->key[0] = key[0];
  p->key[1] = key[1];
  p->next = *head_of(key);
  *head_of(key) = p;
  count++;
  return p;
}

// Null: no memory.
static struct party* party_locked(const uint64_t key[2]) {
  struct party* p = find_locked(key);
  if (p == NULL && count >= MAX_PARTIES) p = find_locked(key = COMMON);
  return p != NULL ? p : add_locked(key);
}

// As many new connections as a second may have can come at once.
static bool too_fast(const struct party* p, uint32_t per_second, uint64_t now) {
  uint64_t rested = p->rested_ns > now ? p->rested_ns : now;
  return per_second > 0 && rested + SECOND / per_second > now + SECOND;
}

static int over(const struct party* p, const struct allowance* a, uint64_t now) {
  if (p == NULL) return NO_MEMORY_TO_COUNT;
  if (a->connections > 0 && p->connections >= a->connections) return TOO_MANY_CONNECTIONS;
  if (a->crowd > 0 && entered >= a->crowd && p->connections >= a->share) return TOO_MANY_CONNECTIONS;
  return too_fast(p, a->per_second, now) ? TOO_MANY_NEW_CONNECTIONS : WITHIN_LIMITS;
}

static void enter_locked(struct party* p, const struct allowance* a, uint64_t now) {
  p->connections++;
  if (a->per_second == 0) return;
  p->rested_ns = (p->rested_ns > now ? p->rested_ns : now) + SECOND / a->per_second;
}

int limits_enter(struct conn* c, const struct allowance* allowances, size_t parties, size_t* which) {
  int result = WITHIN_LIMITS;
  uint64_t now = now_ns();
  pthread_mutex_lock(&mutex);
  free_idle_locked(&heads[hand++ % HEADS], now);
  for (*which = 0; *which < parties && result == WITHIN_LIMITS; ++*which) {
    struct party* p = party_locked(allowances[*which].key);
    result = over(p, &allowances[*which], now);
    c->parties[*which] = p;
  }
  if (result == WITHIN_LIMITS) {
    for (size_t i = 0; i < parties; i++) enter_locked(c->parties[i], &allowances[i], now);
    c->party_count = (unsigned char)parties;
    entered++;
  } else {
    --*which;
  }
  pthread_mutex_unlock(&mutex);
  return result;
}

void limits_leave(struct conn* c) {
  if (c->party_count == 0) return;
  struct party** chains[LIMITED_PARTIES];
  uint64_t now = now_ns();
  pthread_mutex_lock(&mutex);
  entered--;
  for (size_t i = 0; i < c->party_count; i++) {
    c->parties[i]->connections--;
    chains[i] = head_of(c->parties[i]->key);
  }
  for (size_t i = 0; i < c->party_count; i++) free_idle_locked(chains[i], now);
  c->party_count = 0;
  pthread_mutex_unlock(&mutex);
}

size_t limits_parties(void) {
  pthread_mutex_lock(&mutex);
  size_t n = count;
  pthread_mutex_unlock(&mutex);
  return n;
}
