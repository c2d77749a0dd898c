// An Envoy that is just large enough to drive the hooks of package envoy, with
// the lifetimes of the real one: a filter and a configuration are destroyed on
// the thread that drops the last reference to them.
#ifndef WILDCARD_EGRESS_ABITEST_HOST_H
#define WILDCARD_EGRESS_ABITEST_HOST_H

#include "../abi.h"

enum { METRICS = 64, CHUNKS = 64, TEXT = 256, EVENT_IDS = 5 };

// A reference count as std::shared_ptr has: what is behind it ends with the
// last strong one, the memory with the last weak one.
struct references {
  _Atomic int strong, weak;
};

struct host_config {
  struct references references;
  const void* module;  // what config_new returned
  size_t counters;     // how many are defined
  _Atomic uint64_t counts[METRICS];
  size_t gauges;
  _Atomic uint64_t gauge_values[METRICS];
  _Atomic uint64_t recorded;  // values in histograms
  _Atomic int posted;
};

// The dynamic metadata that the module sets.
struct host_numbers {
  double line_left_out, lines_left_out, site_reached;
};

struct host_conn {
  struct references references;
  struct host_config* config;
  const void* module;  // what filter_new returned
  // The read buffer.
  struct {
    char* data;
    size_t length;
  } chunks[CHUNKS];
  size_t chunk_count;
  // What the module did.
  bool closed;
  unsigned close_type;
  char details[TEXT];
  size_t written;
  int read_disabled;  // 1 at first, as tcp_proxy has it
  const char* identity;  // of the PROXY header; null: none
  uint32_t port;         // of its destination
  bool elsewhere;        // not over loopback
  struct host_numbers numbers;
  char state[TEXT];   // filter state: key=value,
  uint64_t flags;     // Envoy's response flags
  char failure[64];   // upstream transport failure reason
  _Atomic int posted[EVENT_IDS];
  _Atomic bool worker_gone;  // or may be, for it knows that the connection has ended
};

// One connection among the listener's filters.
struct host_arrival {
  const void* module;
  bool closed;
  struct host_numbers numbers;
};

void host_arrivals(int listeners);  // more, or fewer, with the listener filter
struct host_arrival* host_arrive(void);
void host_arrival_end(struct host_arrival*);
struct host_conn* host_conn_of(struct host_config*, struct host_arrival*);  // ends the arrival

void host_set_log_level(unsigned level);  // LOG_INFO at first
int host_log_lines(void);
int host_live_filters(void);
int host_live_configs(void);
int host_late_commits(void);  // since it was asked: that were on their way to a worker when it was gone

struct host_config* host_config_new(const char* config, size_t length);  // null: refused
void host_config_end(struct host_config*);
void host_config_run_posted(struct host_config*);
void host_config_lose_handle(struct host_config*);  // a bug of package envoy
uint64_t host_config_count(struct host_config*, size_t counter);
uint64_t host_config_recorded(struct host_config*);

struct host_conn* host_conn_new(struct host_config*);
struct host_conn* host_conn_new_behind(struct host_config*);
void host_conn_lose_handle(struct host_conn*);  // a bug of package envoy
void host_conn_proxied(struct host_conn*, const char* identity, uint32_t port);  // takes identity
void host_conn_append(struct host_conn*, const char* data, size_t length);
unsigned host_conn_read(struct host_conn*, bool end_stream);
void host_conn_event(struct host_conn*, unsigned event);
void host_conn_scheduled(struct host_conn*, uint64_t event_id);
void host_conn_run_posted(struct host_conn*);
int host_conn_posted(struct host_conn*, size_t event_id);
void host_conn_end(struct host_conn*);  // the caller's reference; c is invalid behind it

#endif
