// What Envoy holds for us: plain C memory with integer handles of Go values in
// it, so that no Go pointer ever crosses (envoy.md, trap 2).
#ifndef WILDCARD_EGRESS_ENVOY_CONN_H
#define WILDCARD_EGRESS_ENVOY_CONN_H

#include <pthread.h>

#include "abi.h"
#include "limits.h"
#include "lines.h"
#include "pressure.h"

// More workers than these share what is kept for each.
enum { TRACK_WORKERS = 256 };

// As many names share a place of the decision cache. With one place each, some
// two of 50 names would often have the same of 4,096, and enter Go in turns.
enum { RECALL_WAYS = 4 };

// The states of a connection. Only CONN_FORWARDING lets bytes through, and only
// conn_forward sets it. Zero is waiting, which stops.
enum { CONN_WAITING = 0, CONN_FORWARDING, CONN_CLOSED };

// Why a connection is closed that is one too many of those that wait.
#define WAITING_REASON "too_many_waiting"

// One filter_config of Envoy.
struct config {
  uintptr_t handle;     // cgo.Handle of the Go *Config
  void* envoy;          // Envoy's object; valid from config_new to config_destroy
  size_t* counters;     // Envoy's ids of the counters, in the order of DefineCounters
  size_t counter_count;
  size_t panic_counter; // index in counters; counter_count when there is none
  size_t* gauges;       // as counters
  size_t gauge_count;
  bool measures_waits;  // with the histogram that follows
  size_t wait_histogram;
  bool proxy_protocol;  // callers are who the PROXY header names; else who the certificate does
  _Atomic uint64_t deadline_ns;  // how long a connection may wait; 0: no limit

  char* expiry_key;  // of a filter state, see conn_expired; null: none

  // The decision cache (recall.c).
  _Atomic uint64_t generation;    // of the policy; a change makes all entries void
  _Atomic size_t max_hello_bytes; // of a hello that may be recalled
  _Atomic uint64_t recall_ns;     // how long an entry is asked; 0: for ever
  size_t recall_slots;            // for each worker, a power of two, RECALL_WAYS at least; 0: off
  size_t hit_counter, miss_counter;
  size_t waiting_counter;  // of connections closed since too many wait
  size_t lines_counter;    // of lines that the access log has not
  // By worker. Whoever works with one takes it out, and so no two do.
  _Atomic(struct table*) tables[TRACK_WORKERS];
  _Atomic bool recall_stopped;

  bool outcome;  // of the outcome filter (outcome.c)
  bool exempt;   // from limits of those that wait and of memory
};

// Who schedules something from another thread holds schedule_mutex, from the look
// whether the connection is there until the commit is done; whoever ends it takes
// the mutex too, at its close event and when it is destroyed. Envoy's commit writes
// to the worker's dispatcher, which a worker that ends takes with it: so it waits,
// with the connection whose close event waits. Recursive, for commit may drop the
// last reference to a filter, and so destroy it on the thread that holds the mutex.
extern pthread_mutex_t schedule_mutex;

// One downstream connection.
struct conn {
  uintptr_t handle;  // cgo.Handle of the Go *Conn; 0 before the first bytes and after the decision
  void* envoy;       // Envoy's object; valid until destroy
  struct config* config;
  size_t seen;       // bytes of the read buffer that the filter was given
  size_t need;       // bytes of the read buffer below which the filter is not called
  unsigned char state;
  bool connected;             // the outer handshake is done, or there is none
  bool arrived;               // what was decided at accept is taken back (lines.c)
  bool looked_up;             // outcome filter: the name's look-up has ended
  bool reading_was_disabled;  // tcp_proxy had disabled reading; restored before Continue (trap 8)

  // Its waiting list (deadlines.c), null when it is in none; guarded by the mutex there.
  struct waiting_list* list;
  uint64_t expires_ns;
  uint64_t expiry;  // what is scheduled then
  struct conn *previous, *next;

  struct label* label;  // track.c; null when not tracked
  struct waker* waker;  // outcome filter: null when there is none; guarded by schedule_mutex

  struct counted waiting;    // until its decision (limits.c)
  struct counted forwarded;  // from then on
  uint64_t waits_since_ns;  // the end of the outer handshake; 0: not yet
  uint64_t duration_ns;  // how long it may last once it is forwarded; 0: no limit
};

// What the scheduled hook is asked to do.
enum { SCHEDULED_DEADLINE = 0, SCHEDULED_REVOKE = 1, SCHEDULED_DURATION = 2, SCHEDULED_WAKE = 3, SCHEDULED_SHED = 4 };

// How an allowed connection failed, as far as Envoy tells (outcome.c).
enum {
  OUTCOME_NONE = 0,
  OUTCOME_NO_ROOM,  // for one more name or look-up
  OUTCOME_CONNECT_REFUSED,
  OUTCOME_CONNECT_TIMEOUT,
  OUTCOME_CONNECT_FAILED,
  OUTCOME_RESET,     // by the upstream
  OUTCOME_OVERFLOW,  // no further connection to an upstream
};

// The callbacks that this Envoy lacks: the name of the first, or null.
const char* host_lacks(void);
void host_log(unsigned level, const char* message, size_t length);
bool host_log_enabled(unsigned level);

bool config_define_counter(struct config*, size_t index, const char* name, size_t length);
bool config_define_gauge(struct config*, size_t index, const char* name, size_t length);
bool config_measure_waits(struct config*, const char* name, size_t length);
void config_count(struct config*, size_t counter, uint64_t n);  // main thread
void config_set_gauge(struct config*, size_t gauge, uint64_t);  // main thread
void* config_scheduler_new(struct config*);
void config_schedule(void* scheduler);  // any thread; goConfigScheduled follows on the main thread
bool config_scheduling(void);           // this thread is in config_schedule, which may end a configuration
void config_scheduler_delete(void* scheduler);
void config_set_limits(struct config*, uint64_t deadline_ns, size_t max_hello_bytes, uint64_t recall_ns);
void config_new_generation(struct config*);

// What the filter may do to its connection, on its worker, inside a hook.
size_t conn_chunk_count(struct conn*);
bool conn_chunks(struct conn*, envoy_buffer* chunks);
void conn_write(struct conn*, const char* data, size_t length);
void conn_close(struct conn*, unsigned close_type, const char* details, size_t length);
bool conn_forward(struct conn*);  // false: closed instead
void conn_refused(struct conn*);  // before its state says so
void conn_panicked(struct conn*);
void conn_record_wait(struct conn*);  // before the state changes that ends it; nothing if it has ended
void conn_count(struct conn*, size_t counter);
void conn_count_many(struct conn*, size_t counter, uint64_t);
envoy_buffer conn_requested_server_name(struct conn*);
envoy_buffer conn_remote_address(struct conn*);  // without the port; empty when it is no IP address
size_t conn_uri_san_count(struct conn*);
// Who made the TCP connection is on this machine, or in this pod. No address: false.
bool conn_over_loopback(struct conn*);
bool conn_from_this_process(struct conn*);  // slow: looks through all sockets
// The port that the PROXY header names; without a header, the listener's. 0: none.
uint16_t conn_destination_port(struct conn*);
// The caller that the PROXY header names. The listener filter proxy_protocol must
// leave it in its own metadata under peer_principal (package filter,
// ProxyIdentityKey), with what is not UTF-8 replaced by '!'.
bool conn_proxy_identity(struct conn*, envoy_buffer* identity);
bool conn_uri_sans(struct conn*, envoy_buffer* sans);
bool conn_set_filter_state(struct conn*, const char* key, size_t key_length, const char* value, size_t length);
// conn_expired says whether the filter state with the configuration's expiry_key
// is there and is no time to come, in seconds since 1970.
bool conn_expired(struct conn*);
envoy_buffer conn_text(struct conn*, const char* key, size_t key_length);
void conn_set_text(struct conn*, const char* key, size_t key_length, const char* value, size_t length);

// schedule.c
void conn_schedule_locked(struct conn*, uint64_t event);  // with schedule_mutex
struct waker* conn_waker(struct conn*);
void conn_wake(struct waker*);  // any thread, once: goWoken follows on the worker, if the connection lives
void conn_forget_waker(struct conn*);

// outcome.c
unsigned outcome_new_connection(struct conn*);
void outcome_event(struct conn*, unsigned event);

// deadlines.c: the event is scheduled when the limit has passed; 0: no limit. A
// connection has one at a time. deadline_start returns false when it cannot be
// watched: close it then.
bool deadline_start(struct conn*, uint64_t limit_ns, uint64_t event);
bool deadline_start_duration(struct conn*);  // for what is let through
void deadline_stop(struct conn*);

// deadlines_shed has up to so many of those that were let through ended, of callers
// who have most, the newest first. Any thread.
enum { SHED_AT_ONCE = 128 };
size_t deadlines_shed(size_t);

// track.c: connections that may be revoked after they were forwarded.
struct tracked {
  uint64_t id;
  size_t slot;
  size_t length;
  uint32_t worker;
};
bool conn_track(struct conn*, const char* label, size_t length);
void conn_untrack(struct conn*);
size_t track_capacity(void);
// track_read copies the label of a slot; false: the slot is free, or size too small.
bool track_read(size_t slot, char* label, size_t size, struct tracked*);
// track_revoke has the worker call goRevoke; false: that connection has ended.
bool track_revoke(size_t slot, uint64_t id);
// track_outstanding is how many revocations a worker has yet to run.
size_t track_outstanding(uint32_t worker);

#endif
