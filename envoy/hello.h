// The server name of a plain hello, found without entering Go.
#ifndef WILDCARD_EGRESS_ENVOY_HELLO_H
#define WILDCARD_EGRESS_ENVOY_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// hello_server_name finds the host_name of a ClientHello that begins bytes, is
// whole, alone in its one record, and of max_bytes at most (its handshake
// header included). It is never laxer than package clienthello, which decides
// whatever this refuses: false says nothing about the hello but that. *name
// points into bytes.
bool hello_server_name(const uint8_t* bytes, size_t length, size_t max_bytes, const uint8_t** name,
                       size_t* name_length);

#endif
