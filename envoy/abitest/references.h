#ifndef WILDCARD_EGRESS_ABITEST_REFERENCES_H
#define WILDCARD_EGRESS_ABITEST_REFERENCES_H

#include <stdatomic.h>
#include <stdlib.h>

#include "host.h"

static inline void references_init(struct references* r) { r->strong = r->weak = 1; }

// strong_take is weak_ptr::lock.
static inline bool strong_take(struct references* r) {
  int n = r->strong;
  while (n > 0)
    if (atomic_compare_exchange_weak(&r->strong, &n, n + 1)) return true;
  return false;
}

// strong_drop says whether that was the last one.
static inline bool strong_drop(struct references* r) { return atomic_fetch_sub(&r->strong, 1) == 1; }

static inline void weak_drop(struct references* r, void* memory) {
  if (atomic_fetch_sub(&r->weak, 1) == 1) free(memory);
}

void conn_drop(struct host_conn*);
void config_drop(struct host_config*);

#endif
