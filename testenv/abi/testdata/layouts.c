// Compiled beside Envoy's header: our two buffer types, under other names, must
// have the layout of Envoy's.
#include "abi/abi.h"

#define ABI_BUFFER our_envoy_buffer
#define ABI_MODULE_BUFFER our_module_buffer
#include "../../../envoy/abi_types.h"

#define SAME(ours, theirs, field)                                                            \
  _Static_assert(sizeof(struct ours) == sizeof(struct theirs), #ours ": size");              \
  _Static_assert(offsetof(struct ours, field) == offsetof(struct theirs, field), #ours ": " #field); \
  _Static_assert(sizeof(((struct ours*)0)->field) == sizeof(((struct theirs*)0)->field), #ours ": size of " #field)

SAME(our_envoy_buffer, envoy_dynamic_module_type_envoy_buffer, ptr);
SAME(our_envoy_buffer, envoy_dynamic_module_type_envoy_buffer, length);
SAME(our_module_buffer, envoy_dynamic_module_type_module_buffer, ptr);
SAME(our_module_buffer, envoy_dynamic_module_type_module_buffer, length);
