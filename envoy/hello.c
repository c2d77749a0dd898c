// A strict reader of plain ClientHellos (RFC 8446 section 4.1.2). The rules are:
//  - A cursor never passes its end; every length is checked before its bytes.
//  - What is rare goes to Go: several records, more than 24 extension types
//    above 63, anything that is not exactly as the RFCs have it.
// FuzzPlainHello holds it against package clienthello.
#include "hello.h"

#include <string.h>

struct cursor {
  const uint8_t *at, *end;
};

static size_t left(const struct cursor* c) { return (size_t)(c->end - c->at); }

static bool skip(struct cursor* c, size_t n) {
  if (left(c) < n) return false;
  c->at += n;
  return true;
}

// number reads a big-endian number of 1 to 3 bytes.
static bool number(struct cursor* c, size_t bytes, size_t* n) {
  if (left(c) < bytes) return false;
  *n = 0;
  while (bytes-- > 0) *n = *n << 8 | *c->at++;
  return true;
}

// vector reads a length of 1 to 3 bytes and that many bytes.
static bool vector(struct cursor* c, size_t length_bytes, struct cursor* body) {
  size_t n;
  if (!number(c, length_bytes, &n) || left(c) < n) return false;
  *body = (struct cursor){c->at, c->at + n};
  c->at += n;
  return true;
}

// only is a vector that is all there is.
static bool only(struct cursor data, size_t length_bytes, struct cursor* body) {
  return vector(&data, length_bytes, body) && left(&data) == 0;
}

static bool pairs(struct cursor data, size_t length_bytes) {
  struct cursor list;
  return only(data, length_bytes, &list) && left(&list) > 0 && left(&list) % 2 == 0;
}

// items are one or more of: prefix bytes, a non-empty vector, suffix bytes.
static bool items(struct cursor list, size_t prefix, size_t length_bytes, size_t suffix) {
  struct cursor item;
  if (left(&list) == 0) return false;
  while (left(&list) > 0)
    if (!skip(&list, prefix) || !vector(&list, length_bytes, &item) || left(&item) == 0 || !skip(&list, suffix))
      return false;
  return true;
}

static bool status_request(struct cursor data) {
  struct cursor ignored;
  return skip(&data, 1) && vector(&data, 2, &ignored) && vector(&data, 2, &ignored) && left(&data) == 0;
}

static bool pre_shared_key(struct cursor data) {
  struct cursor identities, binders;
  return vector(&data, 2, &identities) && items(identities, 0, 2, 4) && vector(&data, 2, &binders) &&
         items(binders, 0, 1, 0) && left(&data) == 0;
}

static bool encrypted_client_hello(struct cursor data) {
  struct cursor ignored;
  size_t form;
  if (!number(&data, 1, &form)) return false;
  if (form == 1) return left(&data) == 0;  // inner
  return form == 0 && skip(&data, 5) && vector(&data, 2, &ignored) && vector(&data, 2, &ignored) && left(&data) == 0;
}

static bool host_name(struct cursor data, struct hello* h) {
  struct cursor list, host;
  size_t type;
  if (!only(data, 2, &list) || !number(&list, 1, &type) || type != 0 || !vector(&list, 2, &host) ||
      left(&list) != 0 || left(&host) == 0)
    return false;
  h->name = host.at;
  h->name_length = left(&host);
  return true;
}

// well_formed checks what a TLS server would check.
static bool well_formed(size_t type, struct cursor data) {
  struct cursor list;
  switch (type) {
    case 5:
      return status_request(data);
    case 10:  // supported_groups
    case 13:  // signature_algorithms
    case 50:  // signature_algorithms_cert
      return pairs(data, 2);
    case 43:  // supported_versions
      return pairs(data, 1);
    case 11:  // ec_point_formats
      return only(data, 1, &list) && left(&list) > 0;
    case 45:      // psk_key_exchange_modes
    case 0xff01:  // renegotiation_info
      return only(data, 1, &list);
    case 44:  // cookie
      return only(data, 2, &list) && left(&list) > 0;
    case 16:  // application_layer_protocol_negotiation
      return only(data, 2, &list) && items(list, 0, 1, 0);
    case 18:  // signed_certificate_timestamp
    case 23:  // extended_master_secret
    case 42:  // early_data
      return left(&data) == 0;
    case 51:  // key_share
      return only(data, 2, &list) && (left(&list) == 0 || items(list, 2, 2, 0));
    case 41:
      return pre_shared_key(data);
    case 0xfe0d:
      return encrypted_client_hello(data);
  }
  return true;
}

// types remembers which extensions were there; false: twice, or too many.
struct types {
  uint64_t low;
  uint16_t high[24];
  size_t count;
};

static bool add(struct types* seen, size_t type) {
  if (type < 64) {
    uint64_t bit = (uint64_t)1 << type;
    bool is_new = (seen->low & bit) == 0;
    seen->low |= bit;
    return is_new;
  }
  for (size_t i = 0; i < seen->count; i++)
    if (seen->high[i] == type) return false;
  if (seen->count == sizeof seen->high / sizeof seen->high[0]) return false;
  seen->high[seen->count++] = (uint16_t)type;
  return true;
}

static bool extensions(struct cursor list, struct hello* h) {
  struct types seen = {0};
  struct cursor data;
  size_t type;
  bool named = false;
  while (left(&list) > 0) {
    if (!number(&list, 2, &type) || !vector(&list, 2, &data) || !add(&seen, type)) return false;
    if (type == 41 && left(&list) > 0) return false;  // pre_shared_key comes last
    if (type == 0xfe0d) h->ech = true;
    if (type == 0) {
      named = host_name(data, h);
      if (!named) return false;
    } else if (!well_formed(type, data)) {
      return false;
    }
  }
  return named;
}

bool hello_read(const uint8_t* bytes, size_t length, size_t max_bytes, struct hello* h) {
  struct cursor in = {bytes, bytes + length}, record, body, field, list;
  size_t type, version;
  if (!number(&in, 1, &type) || type != 22 || !number(&in, 2, &version) || version >> 8 != 3 ||
      !vector(&in, 2, &record) || left(&record) > 1 << 14 || left(&record) > max_bytes)
    return false;
  if (!number(&record, 1, &type) || type != 1 || !only(record, 3, &body)) return false;
  if (!number(&body, 2, &version) || version >> 8 != 3 || version < 0x0301 || !skip(&body, 32)) return false;
  if (!vector(&body, 1, &field) || left(&field) > 32) return false;                            // session id
  if (!vector(&body, 2, &field) || left(&field) == 0 || left(&field) % 2 != 0) return false;   // cipher suites
  if (!vector(&body, 1, &field) || left(&field) == 0 || memchr(field.at, 0, left(&field)) == NULL)
    return false;  // compression methods, null among them
  *h = (struct hello){0};
  return only(body, 2, &list) && extensions(list, h);
}
