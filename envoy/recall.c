// The decision cache: a table for each worker, so without locks. The rules are:
//  - A worker takes its table out while it works with it. Whoever stops recalling
//    takes out those that are there; a worker that finds it stopped when it puts
//    its own back does the same.
//  - An entry is for a key (caller, outer server name or port, server name as
//    sent, ECH or not) and a generation of the policy; another generation makes it void.
//  - The generation is read before Go decides, so that a policy which came
//    meanwhile voids the entry at once.
//  - An entry is asked for a while only (config.recall_ns), so that the filter hears
//    now and then which names are in use.
//  - Only connections that were let through are kept: refusals are logged.
#include "recall.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "hello.h"

enum { MAX_NAME = 255, MAX_PRINCIPAL = 2048, MAX_KEY = 3 * MAX_NAME + MAX_PRINCIPAL + 20 };

struct entry {
  uint64_t hash, generation;
  uint64_t until_ns;
  size_t key_length;
  struct effects effects;  // its pointers point behind the entry
  char bytes[];
};

// What one worker keeps for one configuration. A thread-local variable would
// need room in Envoy's static TLS block, which it has not.
struct table {
  // The connection that was refused last, and its key.
  struct conn* conn;
  uint32_t worker;
  uint64_t hash, generation;
  size_t key_length;
  char key[MAX_KEY];

  size_t mask;  // number of sets less one
  struct entry* slots[];  // sets of RECALL_WAYS, newest first
};

static struct table* take_table(struct conn* c) {
  struct config* config = c->config;
  if (config->recall_slots == 0 || config->recall_stopped) return NULL;
  uint32_t worker = envoy_dynamic_module_callback_network_filter_get_worker_index(c->envoy);
  if (worker >= TRACK_WORKERS) return NULL;  // no two workers may share a table
  struct table* t = atomic_exchange(&config->tables[worker], NULL);
  if (t == NULL) {
    t = calloc(1, sizeof *t + config->recall_slots * sizeof t->slots[0]);
    if (t == NULL) return NULL;
    t->mask = config->recall_slots / RECALL_WAYS - 1;
    t->worker = worker;
  }
  return t;
}

// exchange_table puts a table, or none, in a worker's place and frees what was there.
static void exchange_table(struct config* config, uint32_t worker, struct table* by) {
  struct table* t = atomic_exchange(&config->tables[worker], by);
  for (size_t slot = 0; t != NULL && slot < config->recall_slots; slot++) free(t->slots[slot]);
  free(t);
}

static void put_table_back(struct config* config, struct table* t) {
  uint32_t worker = t->worker;
  exchange_table(config, worker, t);
  if (config->recall_stopped) exchange_table(config, worker, NULL);
}

static void append(struct table* t, const char* bytes, size_t length) {
  uint16_t prefix = (uint16_t)length;  // so that no two keys have the same bytes
  memcpy(t->key + t->key_length, &prefix, sizeof prefix);
  t->key_length += sizeof prefix;
  if (length > 0) memcpy(t->key + t->key_length, bytes, length);
  t->key_length += length;
}

static uint64_t hash(const char* bytes, size_t length) {  // FNV-1a
  uint64_t h = 14695981039346656037u;
  for (size_t i = 0; i < length; i++) h = (h ^ (unsigned char)bytes[i]) * 1099511628211u;
  return h ^ h >> 32;
}

// What a decision depends on beside the hello.
struct caller {
  size_t names;        // how many it has: 0 or 1
  envoy_buffer name;   // of the certificate, or of the PROXY header
  envoy_buffer outer;  // the outer server name
  uint16_t port;       // of the PROXY header
};

// read_caller takes it from where the configuration says, and from nowhere else.
static bool read_caller(struct conn* c, struct caller* caller) {
  *caller = (struct caller){0};
  if (c->config->proxy_protocol) {
    if (!conn_over_loopback(c)) return false;
    caller->names = conn_proxy_identity(c, &caller->name) ? 1 : 0;
    caller->port = conn_destination_port(c);
  } else {
    caller->names = conn_uri_san_count(c);
    if (caller->names > 1 || (caller->names == 1 && !conn_uri_sans(c, &caller->name))) return false;
    caller->outer = conn_requested_server_name(c);
  }
  return caller->name.length <= MAX_PRINCIPAL && caller->outer.length <= MAX_NAME;
}

// make_key fails for all that is not plain: Go decides that.
static bool make_key(struct conn* c, struct table* t) {
  envoy_buffer chunks[8];
  struct hello hello;
  struct caller caller;
  size_t count = conn_chunk_count(c);
  if (count == 0 || count > sizeof chunks / sizeof chunks[0] || !conn_chunks(c, chunks)) return false;
  if (!hello_read((const uint8_t*)chunks[0].ptr, chunks[0].length, c->config->max_hello_bytes, &hello) ||
      hello.name_length > MAX_NAME)
    return false;
  if (!read_caller(c, &caller)) return false;
  // For limits, who has a name that is no plain text is an address.
  for (size_t i = 0; i < caller.name.length; i++)
    if (caller.name.ptr[i] <= ' ' || caller.name.ptr[i] > '~') return false;
  t->key_length = 0;
  append(t, (const char*)hello.name, hello.name_length);
  append(t, caller.outer.ptr, caller.outer.length);
  append(t, caller.name.ptr, caller.name.length);
  append(t, (const char*)&caller.port, sizeof caller.port);
  if (caller.names == 0) {  // then the caller is an address
    envoy_buffer address = conn_remote_address(c);
    if (address.length > MAX_NAME) return false;
    append(t, address.ptr, address.length);
  }
  t->key[t->key_length++] = (char)(caller.names | (size_t)hello.ech << 1);
  t->hash = hash(t->key, t->key_length);
  return true;
}

static void replay(struct conn* c, const struct effects* e) {
  const char* at = e->bytes;
  size_t party;
  if (limits_enter(&c->forwarded, e->allowances, e->parties, &party) != WITHIN_LIMITS) return;
  for (uint32_t i = 0; i < e->states + e->texts; i++) {
    const char *key = at, *value = at + e->lengths[2 * i];
    uint32_t key_length = e->lengths[2 * i], length = e->lengths[2 * i + 1];
    at = value + length;
    if (i >= e->states)
      conn_set_text(c, key, key_length, value, length);
    else if (!conn_set_filter_state(c, key, key_length, value, length))
      return;
  }
  c->duration_ns = e->duration_ns;
  if (!conn_forward(c)) return;
  for (uint32_t i = 0; i < e->counters; i++) conn_count(c, e->counter[i]);
}

static struct entry** set_of(struct table* t) { return t->slots + (t->hash & t->mask) * RECALL_WAYS; }

static bool same_key(const struct entry* e, const struct table* t) {
  return e->hash == t->hash && e->key_length == t->key_length && memcmp(e->bytes, t->key, t->key_length) == 0;
}

static const struct entry* find(struct table* t) {
  struct entry** set = set_of(t);
  for (size_t i = 0; i < RECALL_WAYS && set[i] != NULL; i++)
    if (set[i]->generation == t->generation && same_key(set[i], t)) return set[i]->until_ns > now_ns() ? set[i] : NULL;
  return NULL;
}

static bool recall_from(struct table* t, struct conn* c) {
  struct config* config = c->config;
  t->conn = NULL;  // before any return: a later connection may have the address of an earlier one
  if (c->seen != 0 || host_log_enabled(LOG_DEBUG) || conn_expired(c)) return false;
  t->generation = config->generation;
  if (!make_key(c, t)) return false;
  t->conn = c;
  const struct entry* e = find(t);
  conn_count(c, e != NULL ? config->hit_counter : config->miss_counter);
  if (e != NULL) replay(c, &e->effects);
  return c->state != CONN_WAITING;
}

bool recall(struct conn* c) {
  struct table* t = take_table(c);
  if (t == NULL) return false;
  struct config* config = c->config;
  bool recalled = recall_from(t, c);
  put_table_back(config, t);
  return recalled;
}

static const void* copy(char** to, const void* from, size_t length) {
  void* at = *to;
  if (length > 0) memcpy(at, from, length);
  *to += length;
  return at;
}

// place is where the next entry goes: first in its set. It takes the place of the
// older one with its key, else of the oldest.
static struct entry** place(struct table* t) {
  struct entry** set = set_of(t);
  size_t old = 0;
  while (old < RECALL_WAYS - 1 && set[old] != NULL && !same_key(set[old], t)) old++;
  free(set[old]);
  memmove(set + 1, set, old * sizeof *set);
  return set;
}

static void store(struct table* t, const struct effects* e, uint64_t until_ns) {
  size_t lengths = 2 * (size_t)(e->states + e->texts) * sizeof e->lengths[0];
  size_t counters = (size_t)e->counters * sizeof e->counter[0];
  size_t key_room = (t->key_length + 7) & ~(size_t)7;  // numbers follow: aligned
  struct entry* entry = malloc(sizeof *entry + key_room + lengths + counters + e->bytes_length);
  if (entry == NULL) return;
  *entry = (struct entry){t->hash, t->generation, until_ns, t->key_length, *e};
  memcpy(entry->bytes, t->key, t->key_length);
  char* to = entry->bytes + key_room;
  entry->effects.lengths = copy(&to, e->lengths, lengths);
  entry->effects.counter = copy(&to, e->counter, counters);
  entry->effects.bytes = copy(&to, e->bytes, e->bytes_length);
  *place(t) = entry;
}

void recall_put(struct conn* c, const struct effects* e) {
  struct table* t = take_table(c);
  uint64_t keep = c->config->recall_ns;
  if (t == NULL) return;
  if (t->conn == c) {
    t->conn = NULL;
    store(t, e, keep == 0 ? UINT64_MAX : now_ns() + keep);
  }
  put_table_back(c->config, t);
}

void recall_stop(struct config* config) {
  config->recall_stopped = true;
  for (uint32_t worker = 0; worker < TRACK_WORKERS; worker++) exchange_table(config, worker, NULL);
}
