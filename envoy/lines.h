// Which connections that were not let through have a line in the access log.
#ifndef WILDCARD_EGRESS_ENVOY_LINES_H
#define WILDCARD_EGRESS_ENVOY_LINES_H

#include <stdbool.h>
#include <stdint.h>

struct conn;

// lines_set_rate lets so many lines a second be written, and as many at once as
// those of LINES_BURST seconds; 0: all of them. For the whole process.
enum { LINES_BURST = 10 };
void lines_set_rate(uint32_t per_second);

// lines_arrived is for a connection that now has a network filter: a listener
// filter may have given it a line, or none, before it was known what becomes of it.
void lines_arrived(struct conn*);

// lines_refused is for a connection that will not be let through, once, while
// Envoy's object is there.
void lines_refused(struct conn*);

// lines_take_uncounted is how many were left out since it was last asked.
uint64_t lines_take_uncounted(void);

// How many listeners have the listener filter, which gives each connection a line,
// or none, at accept.
void lines_listeners(int more);
void lines_accepted(void* listener_filter_envoy);

#endif
