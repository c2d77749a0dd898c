// Decisions that need not enter Go again. To enter Go wakes its runtime, which
// costs more than all the rest of a connection's way through this module.
#ifndef WILDCARD_EGRESS_ENVOY_RECALL_H
#define WILDCARD_EGRESS_ENVOY_RECALL_H

#include "conn.h"

// What a filter did to let a connection through, to be done again: typed filter
// states and plain texts as pairs of key and value, and counters. bytes is all
// keys and values one after another, states first; lengths has two entries a pair.
struct effects {
  uint32_t states, texts, counters;
  uint32_t bytes_length;
  const char* bytes;
  const uint32_t* lengths;  // 2 * (states + texts)
  const uint32_t* counter;  // indexes
  size_t parties;
  struct allowance allowances[LIMITED_PARTIES];
  uint64_t duration_ns;
};

// recall lets a connection through as an earlier one with the same server name,
// caller and outer server name or port under the same policy was, if the parties
// that it is counted for have room. False: ask Go.
bool recall(struct conn*);

// recall_put keeps effects for the connection that recall has just refused. Nothing
// happens when there is no such connection.
void recall_put(struct conn*, const struct effects*);

// recall_stop frees all that was kept, and keeps nothing from then on. Any thread.
void recall_stop(struct config*);

#endif
