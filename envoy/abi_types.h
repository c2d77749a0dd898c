// The two buffer types of the ABI, named by ABI_BUFFER and ABI_MODULE_BUFFER so
// that the drift check can compile them beside Envoy's own. No include guard:
// the names are the caller's.

// Bytes that Envoy owns, valid until the hook returns.
typedef struct ABI_BUFFER {
  const char* ptr;
  size_t length;
} ABI_BUFFER;

// Bytes that the module owns; Envoy copies them before the callback returns.
typedef struct ABI_MODULE_BUFFER {
  const char* ptr;
  size_t length;
} ABI_MODULE_BUFFER;
