// The connections that a later policy may have to end. Each has a label, which
// only Go understands. The rules are:
//  - schedule_mutex (conn.h) guards the table.
//  - A slot is named with its id: the connection may have ended, and another
//    have taken the slot, since it was read.
#include <stdlib.h>
#include <string.h>

#include "conn.h"

struct label {
  uint64_t id;
  size_t slot;
  uint32_t worker;
  bool revoking;  // counted in outstanding
  size_t length;
  char text[];
};

static struct conn** slots;     // null: free
static size_t* free_slots;      // a stack
static size_t capacity, free_count;
static uint64_t last_id;
static size_t outstanding[TRACK_WORKERS];

static bool grow_locked(void) {
  size_t wanted = capacity ? capacity * 2 : 64;
  struct conn** more_slots = realloc(slots, wanted * sizeof *slots);
  if (more_slots == NULL) return false;
  slots = more_slots;
  size_t* more_free = realloc(free_slots, wanted * sizeof *free_slots);
  if (more_free == NULL) return false;
  free_slots = more_free;
  for (size_t slot = wanted; slot > capacity; slot--) {
    slots[slot - 1] = NULL;
    free_slots[free_count++] = slot - 1;
  }
  capacity = wanted;
  return true;
}

bool conn_track(struct conn* c, const char* text, size_t length) {
  conn_untrack(c);  // of an earlier call
  struct label* label = malloc(sizeof *label + length);
  if (label == NULL) return false;
  label->worker = envoy_dynamic_module_callback_network_filter_get_worker_index(c->envoy) % TRACK_WORKERS;
  label->revoking = false;
  label->length = length;
  memcpy(label->text, text, length);
  pthread_mutex_lock(&schedule_mutex);
  bool tracked = free_count > 0 || grow_locked();
  if (tracked) {
    label->id = ++last_id;
    label->slot = free_slots[--free_count];
    slots[label->slot] = c;
    c->label = label;
  }
  pthread_mutex_unlock(&schedule_mutex);
  if (!tracked) free(label);
  return tracked;
}

static void settle_locked(struct label* label) {
  if (label->revoking) outstanding[label->worker]--;
  label->revoking = false;
}

void conn_untrack(struct conn* c) {
  if (c->label == NULL) return;
  pthread_mutex_lock(&schedule_mutex);
  settle_locked(c->label);
  slots[c->label->slot] = NULL;
  free_slots[free_count++] = c->label->slot;
  pthread_mutex_unlock(&schedule_mutex);
  free(c->label);
  c->label = NULL;
}

size_t track_capacity(void) {
  pthread_mutex_lock(&schedule_mutex);
  size_t n = capacity;
  pthread_mutex_unlock(&schedule_mutex);
  return n;
}

bool track_read(size_t slot, char* text, size_t size, struct tracked* out) {
  bool found = false;
  pthread_mutex_lock(&schedule_mutex);
  if (slot < capacity && slots[slot] != NULL) {
    struct label* label = slots[slot]->label;
    found = label->length <= size;
    if (found) {
      memcpy(text, label->text, label->length);
      *out = (struct tracked){label->id, slot, label->length, label->worker};
    }
  }
  pthread_mutex_unlock(&schedule_mutex);
  return found;
}

bool track_revoke(size_t slot, uint64_t id) {
  pthread_mutex_lock(&schedule_mutex);
  struct conn* c = slot < capacity ? slots[slot] : NULL;
  bool revokes = c != NULL && c->label->id == id && !c->label->revoking;
  if (revokes) {
    c->label->revoking = true;
    outstanding[c->label->worker]++;
    conn_schedule_locked(c, SCHEDULED_REVOKE);
  }
  pthread_mutex_unlock(&schedule_mutex);
  return revokes;
}

size_t track_outstanding(uint32_t worker) {
  pthread_mutex_lock(&schedule_mutex);
  size_t n = worker < TRACK_WORKERS ? outstanding[worker] : 0;
  pthread_mutex_unlock(&schedule_mutex);
  return n;
}
