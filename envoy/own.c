// Whether a connection was dialled by this very process: then it is the gateway
// that reached itself, by a name that resolves to it. Who asks does so where that
// is possible at all, for the sockets of the process are looked through.
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn.h"

// An IP address and port, the same for the same ones whatever their form.
struct endpoint {
  sa_family_t family;
  in_port_t port;
  struct in6_addr address;  // IPv4 in its first bytes
};

static struct endpoint endpoint_of_text(envoy_buffer text, uint32_t port) {
  struct endpoint e = {.port = htons((uint16_t)port)};
  char copy[INET6_ADDRSTRLEN] = "";
  if (text.length >= sizeof copy) return e;
  if (text.length > 0) memcpy(copy, text.ptr, text.length);
  if (inet_pton(AF_INET, copy, &e.address) == 1)
    e.family = AF_INET;
  else if (inet_pton(AF_INET6, copy, &e.address) == 1)
    e.family = AF_INET6;
  return e;
}

static struct endpoint endpoint_of(const struct sockaddr_storage* s) {
  struct endpoint e = {.family = s->ss_family};
  if (s->ss_family == AF_INET) {
    const struct sockaddr_in* in = (const struct sockaddr_in*)s;
    e.port = in->sin_port;
    memcpy(&e.address, &in->sin_addr, sizeof in->sin_addr);
  } else if (s->ss_family == AF_INET6) {
    const struct sockaddr_in6* in6 = (const struct sockaddr_in6*)s;
    e.port = in6->sin6_port;
    e.address = in6->sin6_addr;
  }
  return e;
}

static bool same(const struct endpoint* a, const struct endpoint* b) {
  return a->family == b->family && a->port == b->port && memcmp(&a->address, &b->address, sizeof a->address) == 0;
}

// is_local says whether the address is one of this machine: only such can be bound.
static bool is_local(const struct endpoint* e) {
  struct sockaddr_in in = {.sin_family = AF_INET};
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = e->address};
  memcpy(&in.sin_addr, &e->address, sizeof in.sin_addr);
  int fd = socket(e->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return true;  // look
  bool local = e->family == AF_INET ? bind(fd, (struct sockaddr*)&in, sizeof in) == 0
                                    : bind(fd, (struct sockaddr*)&in6, sizeof in6) == 0;
  close(fd);
  return local;
}

// How many files the process's table has room for.
static int file_table_size(void) {
  char line[128];
  int size = 0;
  FILE* status = fopen("/proc/self/status", "re");
  if (status == NULL) return 1 << 16;
  while (size == 0 && fgets(line, sizeof line, status) != NULL) (void)sscanf(line, "FDSize: %d", &size);
  fclose(status);
  return size;
}

static bool is_between(int fd, const struct endpoint* own, const struct endpoint* peer) {
  struct sockaddr_storage s;
  socklen_t length = sizeof s;
  if (getsockname(fd, (struct sockaddr*)&s, &length) != 0) return false;
  struct endpoint e = endpoint_of(&s);
  length = sizeof s;
  if (!same(&e, own) || getpeername(fd, (struct sockaddr*)&s, &length) != 0) return false;
  e = endpoint_of(&s);
  return same(&e, peer);
}

bool conn_from_this_process(struct conn* c) {
  envoy_buffer remote = {NULL, 0}, local = {NULL, 0};
  uint32_t remote_port = 0, local_port = 0;
  envoy_dynamic_module_callback_network_filter_get_direct_remote_address(c->envoy, &remote, &remote_port);
  envoy_dynamic_module_callback_network_filter_get_local_address(c->envoy, &local, &local_port);
  struct endpoint dialler = endpoint_of_text(remote, remote_port), dialled = endpoint_of_text(local, local_port);
  if (dialler.family == 0 || dialler.family != dialled.family || !is_local(&dialler)) return false;
  for (int fd = 0, end = file_table_size(); fd < end; fd++)
    if (is_between(fd, &dialler, &dialled)) return true;
  return false;
}
