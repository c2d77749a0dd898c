#include "pressure.h"

#include <stdatomic.h>

static _Atomic int64_t most = -1;
static _Atomic int64_t connections;
static _Atomic uint64_t refused;

void pressure_set(int64_t n) { most = n; }

bool pressure_room(void) {
  int64_t n = most;
  bool room = n < 0 || connections <= n;
  if (!room) refused++;
  return room;
}

void pressure_enter(void) { connections++; }
void pressure_leave(void) { connections--; }
int64_t pressure_connections(void) { return connections; }
uint64_t pressure_take_refused(void) { return atomic_exchange(&refused, 0); }
