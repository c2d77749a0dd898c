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
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>

#include "clock.h"

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
static size_t hand;  // the chain that is looked through next for parties to free

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

static int over(const struct party* p, const struct allowance* a, size_t crowd, uint64_t now) {
  if (a->connections > 0 && p->connections >= a->connections) return TOO_MANY_CONNECTIONS;
  if (a->crowd > 0 && crowd >= a->crowd && p->connections >= a->share) return TOO_MANY_CONNECTIONS;
  return too_fast(p, a->per_second, now) ? TOO_MANY_NEW_CONNECTIONS : WITHIN_LIMITS;
}

static void enter_locked(struct party* p, const struct allowance* a, uint64_t now) {
  p->connections++;
  if (a->per_second == 0) return;
  p->rested_ns = (p->rested_ns > now ? p->rested_ns : now) + SECOND / a->per_second;
}

static int enter_all_locked(struct counted* c, const struct allowance* allowances, size_t parties, size_t* which) {
  uint64_t now = now_ns();
  free_idle_locked(&heads[hand++ % HEADS], now);
  for (*which = 0; *which < parties; ++*which)
    if ((c->parties[*which] = party_locked(allowances[*which].key)) == NULL) return NO_MEMORY_TO_COUNT;
  for (*which = 0; *which < parties; ++*which) {
    size_t crowd = *which + 1 < parties ? c->parties[*which + 1]->connections : 0;
    int result = over(c->parties[*which], &allowances[*which], crowd, now);
    if (result != WITHIN_LIMITS) return result;
  }
  for (size_t i = 0; i < parties; i++) enter_locked(c->parties[i], &allowances[i], now);
  c->count = (unsigned char)parties;
  return WITHIN_LIMITS;
}

int limits_enter(struct counted* c, const struct allowance* allowances, size_t parties, size_t* which) {
  pthread_mutex_lock(&mutex);
  int result = enter_all_locked(c, allowances, parties, which);
  pthread_mutex_unlock(&mutex);
  return result;
}

void limits_leave(struct counted* c) {
  if (c->count == 0) return;
  struct party** chains[LIMITED_PARTIES];
  uint64_t now = now_ns();
  pthread_mutex_lock(&mutex);
  for (size_t i = 0; i < c->count; i++) {
    c->parties[i]->connections--;
    chains[i] = head_of(c->parties[i]->key);
  }
  for (size_t i = 0; i < c->count; i++) free_idle_locked(chains[i], now);
  c->count = 0;
  pthread_mutex_unlock(&mutex);
}

uint32_t limits_connections(const struct counted* c) {
  pthread_mutex_lock(&mutex);
  uint32_t n = c->count == 0 ? 0 : c->parties[0]->connections;
  pthread_mutex_unlock(&mutex);
  return n;
}

static _Atomic uint32_t waiting_per_source, waiting_total;
static _Atomic uint64_t refused;

void limits_set_waiting(uint32_t per_source, uint32_t total) {
  waiting_per_source = per_source;
  waiting_total = total;
}

// FNV-1a from a start that nobody outside knows.
static uint64_t hash_from(uint64_t start, const char* bytes, size_t length) {
  uint64_t h = 14695981039346656037u ^ start;
  for (size_t i = 0; i < length; i++) h = (h ^ (unsigned char)bytes[i]) * 1099511628211u;
  return h ^ h >> 32;
}

static uint64_t starts[2];
static pthread_once_t starts_once = PTHREAD_ONCE_INIT;
static void make_starts(void) {
  if (getrandom(starts, sizeof starts, 0) != sizeof starts) starts[0] = now_ns();
}

bool limits_enter_waiting(struct counted* c, const char* address, size_t length) {
  uint32_t total = waiting_total, per_source = waiting_per_source;
  size_t which;
  pthread_once(&starts_once, make_starts);
  struct allowance of[2] = {
      // The last quarter is for sources that have few.
      {.connections = per_source, .crowd = total - total / 4, .share = per_source / 8 + 1},
      {.key = {1, 1}, .connections = total},
  };
  for (size_t i = 0; i < 2; i++) of[0].key[i] = hash_from(starts[i], address, length);
  bool room = limits_enter(c, of, 2, &which) == WITHIN_LIMITS;
  if (!room) refused++;
  return room;
}

uint64_t limits_take_refused(void) { return refused == 0 ? 0 : atomic_exchange(&refused, 0); }

size_t limits_parties(void) {
  pthread_mutex_lock(&mutex);
  size_t n = count;
  pthread_mutex_unlock(&mutex);
  return n;
}
