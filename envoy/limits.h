// How much of the gateway one party may have: a caller, a rule, all together.
#ifndef WILDCARD_EGRESS_ENVOY_LIMITS_H
#define WILDCARD_EGRESS_ENVOY_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct party;

// As many parties may share a connection: its caller, its rule, that caller
// under that rule, and all together.
enum { LIMITED_PARTIES = 4 };

// What one party may have. The key is a hash of who it is.
struct allowance {
  uint64_t key[2];
  uint32_t connections;  // at a time; 0: any number
  uint32_t per_second;   // new ones; 0: any number
  // When the party behind this one has crowd connections, only who has less than
  // share gets more: what is left is for those who have few. 0: never.
  uint32_t crowd, share;
};

enum { WITHIN_LIMITS = 0, TOO_MANY_CONNECTIONS, TOO_MANY_NEW_CONNECTIONS, NO_MEMORY_TO_COUNT };

// counted is for whom a connection is counted now.
struct counted {
  struct party* parties[LIMITED_PARTIES];
  unsigned char count;
};

// limits_enter counts a connection for all parties, or, when one of them has no
// room, for none; party is then which. It must not be counted already.
int limits_enter(struct counted*, const struct allowance*, size_t parties, size_t* party);

// limits_leave takes back what limits_enter counted. Any thread; once is enough.
void limits_leave(struct counted*);

// limits_connections is how many the first of its parties has; 0: it is not counted.
uint32_t limits_connections(const struct counted*);

// Connections whose decision is not made yet are anybody's: they have limits of
// their own, for each source address and in all. 0: any number.
void limits_set_waiting(uint32_t per_source, uint32_t total);

// limits_enter_waiting counts one of them; false: there are too many.
bool limits_enter_waiting(struct counted*, const char* address, size_t length);

// limits_take_refused is how often that was false since it was last asked.
uint64_t limits_take_refused(void);

// limits_parties is how many are being counted.
size_t limits_parties(void);

#endif
