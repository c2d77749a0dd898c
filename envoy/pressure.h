// How many connections there may be, for want of memory.
#ifndef WILDCARD_EGRESS_ENVOY_PRESSURE_H
#define WILDCARD_EGRESS_ENVOY_PRESSURE_H

#include <stdbool.h>
#include <stdint.h>

// Why a connection is closed for want of memory.
#define MEMORY_REASON "too_little_memory"

// pressure_set lets so many connections be, those that wait included; negative: any
// number. For the whole process.
void pressure_set(int64_t most);

// Each connection enters once and leaves once.
void pressure_enter(void);
void pressure_leave(void);

// pressure_room says whether a connection that has entered may stay.
bool pressure_room(void);

int64_t pressure_connections(void);

// pressure_take_refused is how many were one too many since it was last asked.
uint64_t pressure_take_refused(void);

#endif
