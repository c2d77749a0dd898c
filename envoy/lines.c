// Lines of the access log that anybody can cause: without a limit, connections
// that are refused or just reset roll away in seconds what the log has of all
// others. The rules are:
//  - A connection is marked, in dynamic metadata, when it is to have no line; the
//    access log's filter (bootstrap.writtenLines) reads the mark. What is let
//    through has a line always.
//  - The next line that is written says how many were left out before it.
//  - A connection that ends among the listener's filters has no other end that
//    this module would see. So the listener filter decides at accept, and the
//    network filter takes that back when it is made.
#include "lines.h"

#include <stdatomic.h>

#include "clock.h"
#include "conn.h"

#define TEXT(literal) ((module_buffer){literal, sizeof literal - 1})
#define NAME_SPACE TEXT("wildcard_egress")
#define MARK TEXT("line_left_out")       // 1: the connection has no line
#define COUNT TEXT("lines_left_out")     // said in the line

static const uint64_t SECOND = 1000000000u;

static _Atomic uint64_t step_ns;    // between two lines; 0: no limit
static _Atomic uint64_t rested_ns;  // the "theoretical arrival time" of ITU-T I.371
// Left out since the last line that said so, and since it was last counted. Marks
// that are taken back may make them negative for a while.
static _Atomic int64_t left_out, uncounted;
static _Atomic int listeners;

void lines_set_rate(uint32_t per_second) {
  uint64_t step = per_second == 0 ? 0 : SECOND / per_second;
  if (atomic_exchange(&step_ns, step) != step) rested_ns = 0;  // another rate begins anew
}

void lines_listeners(int more) { listeners += more; }

// take says whether there is a line to have, and takes it.
static bool take(void) {
  uint64_t step = step_ns, now = now_ns(), before = rested_ns, after;
  if (step == 0) return true;
  do {
    after = (before > now ? before : now) + step;
    if (after > now + LINES_BURST * SECOND) {
      left_out++;
      uncounted++;
      return false;
    }
  } while (!atomic_compare_exchange_weak(&rested_ns, &before, after));
  return true;
}

static void give_back(bool taken) {
  if (!taken) {
    left_out--;
    uncounted--;
    return;
  }
  uint64_t step = step_ns, before = rested_ns;  // which another rate may begin anew meanwhile
  while (before > step && !atomic_compare_exchange_weak(&rested_ns, &before, before - step)) continue;
}

static uint64_t take_all(_Atomic int64_t* count) {
  if (*count <= 0) return 0;
  int64_t n = atomic_exchange(count, 0);
  if (n > 0) return (uint64_t)n;
  *count += n;  // another thread was faster
  return 0;
}

uint64_t lines_take_uncounted(void) { return take_all(&uncounted); }

static void set(struct conn* c, module_buffer key, double value) {
  envoy_dynamic_module_callback_network_set_dynamic_metadata_number(c->envoy, NAME_SPACE, key, value);
}

static double get(struct conn* c, module_buffer key) {
  double value = 0;
  bool there = envoy_dynamic_module_callback_network_get_dynamic_metadata_number(c->envoy, NAME_SPACE, key, &value);
  return there ? value : 0;
}

void lines_arrived(struct conn* c) {
  if (listeners == 0 || c->arrived) return;
  c->arrived = true;
  bool marked = get(c, MARK) == 1;
  if (marked) set(c, MARK, 0);
  give_back(!marked);
}

void lines_refused(struct conn* c) {
  lines_arrived(c);
  double said = listeners == 0 ? 0 : get(c, COUNT);
  if (!take()) {
    left_out += (int64_t)said;  // for another line
    set(c, MARK, 1);
    return;
  }
  double more = (double)take_all(&left_out);
  if (more > 0) set(c, COUNT, said + more);
}

void lines_accepted(void* filter) {
  if (!take()) {
    envoy_dynamic_module_callback_listener_filter_set_dynamic_metadata_number(filter, NAME_SPACE, MARK, 1);
    return;
  }
  double before = (double)take_all(&left_out);
  if (before > 0)
    envoy_dynamic_module_callback_listener_filter_set_dynamic_metadata_number(filter, NAME_SPACE, COUNT, before);
}
