// The server name of a plain hello, found without entering Go.
#ifndef WILDCARD_EGRESS_ENVOY_HELLO_H
#define WILDCARD_EGRESS_ENVOY_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What decides about a hello.
struct hello {
  const uint8_t* name;  // the host_name as sent; points into the bytes
  size_t name_length;
  bool ech;             // has an encrypted_client_hello extension, real or GREASE
};

// hello_read finds the host_name of a ClientHello that begins bytes, is
// whole, alone in its one record, and of max_bytes at most (its handshake
// header included). It is never laxer than package clienthello, which decides
// whatever this refuses: false says nothing about the hello but that.
bool hello_read(const uint8_t* bytes, size_t length, size_t max_bytes, struct hello*);

#endif
